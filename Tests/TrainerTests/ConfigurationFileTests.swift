import CommandLine
import Foundation
import Model
import Options
import TestSupport
import Testing
import Trainer

@Suite struct ConfigurationFileTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Every key with a value that is not its default.
    private static let values = [
        ("train", "a.txt"), ("valid", "b.txt"), ("vocab-size", "300"), ("layers", "6"), ("heads", "3"), ("width", "96"),
        ("context", "32"), ("dropout", "0.25"), ("steps", "77"), ("batch", "12"), ("micro-batch", "2"), ("lr", "0.002"),
        ("min-lr", "0.0005"), ("warmup", "9"), ("weight-decay", "0.02"), ("clip", "0.5"), ("seed", "18446744073709551615"),
        ("precision", "bf16"),
        ("layer-shards", "3"), ("threads", "2"), ("eval-every", "11"), ("checkpoint-every", "13"),
        ("trace-every", "7"), ("keep", "5"), ("schedule-steps", "90"), ("eval-tokens", "1000"), ("special-text", "encode"),
        ("run-dir", "elsewhere"), ("resume", "none"),
    ]

    private func configuration(_ yaml: String, _ arguments: [String] = []) throws -> RunConfiguration {
        try RunConfiguration(arguments: ["--config", scratch.write(yaml, to: "run.yaml")] + arguments)
    }

    /// The one line with which a file is refused, without the path and line it begins with.
    private func refusal(_ yaml: String, line: Int, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        let error = try #require(
            throws: ConfigurationError.self, sourceLocation: sourceLocation
        ) { try configuration(yaml) }
        let text = error.description, start = "--config \(scratch.path)/run.yaml, line \(line): "
        #expect(!text.contains("\n") && text.hasPrefix(start), "\(text)", sourceLocation: sourceLocation)
        return String(text.dropFirst(start.count))
    }

    @Test func everyKeyIsAFlag() throws {
        let yaml = Self.values.map { "\($0): \($1)\n" }.joined()
        let byFile = try configuration(yaml)
        #expect(try byFile == RunConfiguration(arguments: Self.values.flatMap { ["--\($0)", $1] }))
        for (name, value) in Self.values where !["valid", "layer-shards", "min-lr", "heads"].contains(name) {
            let one = try configuration("\(name): \(value)\n")
            #expect(try one == RunConfiguration(arguments: ["--\(name)", value]), "\(name)")
            #expect(try one != RunConfiguration(arguments: []), "\(name)")
        }
        #expect(try configuration("tokenizer: t\n").tokenizer == "t")
    }

    @Test func theFlagWins() throws {
        let yaml = Self.values.map { "\($0): \($1)\n" }.joined()
        let run = try configuration(yaml, ["--steps", "78", "--lr=0.003", "--run-dir", "here", "--resume", "auto"])
        #expect(run.steps == 78 && run.learningRate.peak == 0.003 && run.runDirectory == "here" && run.resume == .auto)
        #expect(run.batch == 12 && run.learningRate.warmup == 9)
    }

    /// What a run leaves as `run.yaml` makes the same run again.
    @Test func theWrittenFileComesBackWhole() throws {
        for arguments in [
            Self.values.flatMap { ["--\($0)", $1] } + ["--resume", "auto"], [],
            ["--tokenizer", "a \"quoted\" \\ dir: # é", "--train", "null", "--run-dir=- 3"],
            ["--train", "new\nline", "--valid", "carriage\rreturn\u{7}bell\u{7F}\u{85}\u{2028}", "--tokenizer", "tab\t end "],
        ] {
            let run = try RunConfiguration(arguments: arguments), yaml = try run.yaml()
            // Where the run lies is not in it.
            #expect(try configuration(yaml, ["--run-dir=" + run.runDirectory]) == run, "\(yaml)")
            #expect(!yaml.contains("run-dir"))
        }
    }

    /// The command line wins also over what it excludes: the file's options for another value of it.
    @Test(arguments: [
        ("attention: policy\nenergy: 0.9\nepsilon: 0.2\nfreeze: true\n", ["--attention", "full"]),
        ("attention: fixed\nlevel: 2:4\n", ["--rank", "4"]), ("attention: fixed\nrank: 4\n", ["--level", "2:4"]),
        ("attention: random\nlevels: 1:2,2:4\n", ["--rank-min", "2", "--rank-max", "8", "--rank-step", "2"]),
        ("attention: random\nlevels: 1:2,2:4\n", ["--attention", "fixed", "--level", "2:4"]),
        ("attention: random\nlevels: 1:2,2:64\n", ["--heads", "8"]),
        ("context: 256\nsegment: 128\n", ["--context", "24"]), ("vocab-size: 300\n", ["--tokenizer", "t"]),
        ("tokenizer: t\n", ["--vocab-size", "300"]), ("lr: 0.1\nmin-lr: 0.01\n", ["--lr", "0.001"]),
        ("steps: 400\nwarmup: 20\n", ["--steps", "10"]),
        ("attention: policy\nguard: 'on'\nepsilon: 0.2\n", ["--guard", "off"]),
    ])
    func theFlagWinsOverWhatItExcludes(yaml: String, arguments: [String]) throws {
        _ = try configuration(yaml, arguments)
    }

    @Test func theFilesOwnContradictionsStand() throws {
        #expect(throws: ConfigurationError.self) { try configuration("attention: full\nrank: 4\n") }
        #expect(throws: ConfigurationError.self) { try configuration("attention: fixed\nrank: 4\n", ["--level", "2:4", "--rank", "3"]) }
        #expect(throws: ConfigurationError.self) { try configuration("attention: full\n", ["--energy", "0.9"]) }
    }

    /// What a run wrote into its directory stands for that directory; any other file does not.
    @Test func aRunsOwnFileStandsForItsDirectory() throws {
        #expect(try configuration("steps: 3\n").runDirectory == "runs/drrl")
        _ = try scratch.write("", to: "metrics.jsonl")
        #expect(try configuration("steps: 3\n").runDirectory == scratch.path)
        #expect(try configuration("steps: 3\n", ["--run-dir", "here"]).runDirectory == "here")
        #expect(try configuration("steps: 3\nrun-dir: there\n").runDirectory == "there")
    }

    @Test func anEmptyFileSetsNothing() throws {
        for yaml in ["", "# nothing yet\n", "---\n"] {
            #expect(try configuration(yaml) == RunConfiguration(arguments: []))
        }
    }

    @Test(arguments: ["stepz", "Steps", "steps ahead", "help", "h", "train=a.txt", "-steps", "train-file"])
    func anUnknownKeyIsNamed(key: String) throws {
        #expect(try refusal("# a run\nlayers: 6\n\(key): 3\n", line: 3) == "unknown key \(key)")
    }

    @Test(arguments: [
        ("steps", "many"), ("steps", "4.5"), ("steps", "true"), ("steps", "1e3"), ("lr", "fast"), ("seed", "-1"),
        ("dropout", "yes"), ("batch", "99999999999999999999"), ("heads", "\"\""),
    ])
    func aWrongTypeIsNamed(key: String, value: String) throws {
        let text = try refusal("layers: 6\n\n\(key): \(value)\n", line: 3)
        #expect(text.hasPrefix("\(key)"))
        #expect(text.contains("invalid") || text.contains("needs one value"), "\(text)")
    }

    @Test(arguments: ["train", "steps", "run-dir"], ["[1, 2]", "{a: 1}", "null", "~", "", "\n  - 1\n  - 2"])
    func aKeyWithoutOneValueIsNamed(key: String, value: String) throws {
        #expect(try refusal("layers: 6\n\(key): \(value)\n", line: 2) == "\(key) needs one value")
    }

    @Test func aKeyThatStandsTwiceIsNamed() throws {
        #expect(try refusal("layers: 6\nsteps: 3\nsteps: 4\n", line: 2) == "steps stands twice")
    }

    @Test func aConfigurationFileNamesNoOther() throws {
        #expect(try refusal("config: other.yaml\n", line: 1) == "config cannot be set in a configuration file")
    }

    @Test(arguments: ["? [a, b]\n: 3\n", "[a]: 3\n"])
    func aKeyThatIsNoNameIsRefused(yaml: String) throws {
        #expect(try refusal(yaml, line: 1) == "a key must be an option's name")
    }

    @Test(arguments: ["- steps\n- 3\n", "steps\n", "3\n"])
    func whatIsNoMappingIsRefused(yaml: String) throws {
        #expect(try refusal(yaml, line: 1) == "a mapping of options is expected, e.g. `steps: 400`")
    }

    @Test(arguments: [("steps: 3\nlr: [0.1\n", 3), ("steps: 3\n  lr: \"\n", 2), ("a: &x\n\tb", 2), ("steps: *none\n", 1)])
    func whatIsNoYAMLIsRefused(yaml: String, line: Int) throws {
        #expect(try refusal(yaml, line: line).hasPrefix("not YAML: "))
    }

    @Test func whatIsNoUTF8IsRefused() throws {
        let path = try scratch.write(Data([0x73, 0xFF, 0xFE, 0x3A, 0x20, 0x31]), to: "run.yaml")
        let error = #expect(throws: ConfigurationError.self) { try RunConfiguration(arguments: ["--config", path]) }
        #expect(error?.description == "--config \(path): not UTF-8; convert the file")
    }

    @Test func aMissingFileIsNamed() {
        let path = scratch.path + "/none.yaml"
        let error = #expect(throws: UnusableFileError.self) { try RunConfiguration(arguments: ["--config", path]) }
        #expect(error?.description == "--config \(path): cannot be read (No such file or directory); check the path and its permissions")
    }

    @Test func aValueThatCannotBeIsNamedAsOnTheCommandLine() throws {
        let error = #expect(throws: ConfigurationError.self) { try configuration("steps: 0\n") }
        #expect(error.map { asFlags($0.description) } == "--steps is 0; it must be at least 1")
    }
}
