import Checkpoint
import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct OtherReadersTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private struct Seen: Decodable {
        struct Dataset: Decodable {
            let type: String
            let shape: [Int]
        }
        let datasets: [String: Dataset]
    }

    @Test(.enabled(if: Tool.python != nil, "needs Python with h5py"))
    func h5pyReadsEverything() throws {
        let path = try saveSample(in: scratch.path)
        let outcome = try run(try #require(Tool.python), [Tool.script("read.py"), path])
        try #require(outcome.status == 0, "\(outcome.errors)")
        let seen = try #require(
            try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: [String: Any]])
        let datasets = try #require(seen["datasets"] as? [String: [String: Any]])
        let attributes = try #require(seen["attributes"] as? [String: [String: Any]])
        let kinds = try JSONDecoder().decode(Seen.self, from: Data(outcome.output.utf8)).datasets

        #expect(kinds["/model/a.weight"]?.type == "float32")
        #expect(kinds["/model/a.weight"]?.shape == [6, 4])
        #expect((datasets["/model/a.weight"]?["value"] as? [[Double]])?.last == [10, 10.5, 11, 11.5])
        #expect(datasets["/data/cursor"]?["value"] as? Int == -12)
        #expect(kinds["/rng/key"]?.type == "uint64")
        #expect(datasets["/tokenizer/hash"]?["value"] as? String == "naïve")
        #expect(datasets["/config"]?["value"] as? String == #"{"layers":4,"width":256}"#)
        #expect((datasets["/traces/rank"]?["value"] as? [[Int]])?[4] == [4, 40, 400])
        #expect(attributes["/traces/rank"]?["axes"] as? [String] == ["step", "layer"])
        #expect(attributes["/traces/rank"]?["units"] as? String == "1")
        #expect(attributes["/"]?["step"] as? Int == 7)
        #expect(attributes["/"]?["format_version"] as? Int == 1)
        #expect(attributes["/"]?["note"] as? String == "größer")
        let maximum = try #require(seen["maximum"]?["/traces/rank"] as? [Any])
        #expect(maximum.first is NSNull)
        // Reading must not have changed it.
        try CheckpointReader(path: path).verify()
    }

    /// The example that docs/checkpoint.md gives, as it stands there.
    @Test(.enabled(if: Tool.python != nil, "needs Python with h5py"))
    func theDocumentedExampleRuns() throws {
        let page = Tool.folder.appendingPathComponent("../../docs/checkpoint.md")
        let parts = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "```")
        let example = try #require(parts.first { $0.hasPrefix("python\n") }).dropFirst("python\n".count)
        let path = try saveSample(in: scratch.path)
        let outcome = try run(try #require(Tool.python), ["-c", String(example), path])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("step 7\n"))
        #expect(outcome.output.contains("a.weight (6, 4) float32 5.75"))
    }

    @Test(.enabled(if: Tool.hasH5dump, "needs h5dump"))
    func h5dumpReadsEverything() throws {
        let path = try saveSample(in: scratch.path)
        let outcome = try run("h5dump", [path])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors == "")
        #expect(outcome.output.contains("DATASET \"a.weight\""))
        #expect(outcome.output.contains("(5,0): 10, 10.5, 11, 11.5"))
        let superblock = try run("h5dump", ["-B", path])
        #expect(superblock.output.contains("SUPERBLOCK_VERSION 0"))
        #expect(superblock.output.contains("USERBLOCK_SIZE 512"))
    }
}
