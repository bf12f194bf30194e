import Runs
import Testing

/// What a run writes of itself can be read without the trainer.
@Suite struct RunFileTests {
    @Test func whatIsWrittenIsRead() throws {
        let options: [RunFile.Option] = [
            .init(name: "steps", text: "400", isQuoted: false), .init(name: "guard", text: "on", isQuoted: true),
            .init(name: "train", text: "a \"quoted\": # é\n", isQuoted: true),
            .init(name: "levels", text: "4:16,8:32", isQuoted: true),
        ]
        let yaml = try RunFile(options).yaml()
        #expect(yaml.hasPrefix("steps: 400\nguard: \"on\"\n"))
        let read = try RunFile(reading: Array(yaml.utf8)).options
        #expect(read.map(\.name) == options.map(\.name) && read.map(\.text) == options.map(\.text))
        #expect(read.map(\.isQuoted) == options.map(\.isQuoted) && read.map(\.line) == [1, 2, 3, 4])
    }

    @Test func aFaultHasItsPlace() {
        func fault(_ text: String) -> RunFile.Fault? {
            #expect(throws: RunFile.Fault.self) { try RunFile(reading: Array(text.utf8)) }
        }
        #expect(fault("steps: 1\nlr:\n")?.description(of: "run.yaml") == "run.yaml, line 2: lr needs one value")
        #expect(fault("- 1\n")?.line == 1)
        #expect(fault("a: 1\na: 2\n")?.reason == "a stands twice")
    }
}
