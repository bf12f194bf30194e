import Checkpoint
import Foundation
import Kernels
import TestSupport
import Testing

/// Every mistake is one clear line from rank 0 and exit code 2, alone and under mpirun.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct BadInputTests {
    /// What is asked, and what the line must name; `%` stands for the scratch directory. One for each place where ranks
    /// agree whether to go on.
    private static let onTwoRanks: [(options: [String], named: [String])] = [
        (["--contxt", "3"], ["--contxt", "see drrl evaluate --help"]),
        (["--checkpoint", "/no/such.h5"], ["/no/such.h5", "No such file"]),
        (["--context", "65"], ["--context is 65", "64"]),
        (["--text", "/no/such.txt"], ["/no/such.txt", "No such file"]),
        (["--per-token", "/no/such/folder.csv"], ["--per-token /no/such/folder.csv", "No such file"]),
        (["--checkpoint", "%/nobases/\(TrainedModel.file)", "--attention", "energy"], ["--attention energy", "/lowrank"]),
    ]

    /// Of the same form; alone it is all of them.
    private static let inputs: [(options: [String], named: [String])] = onTwoRanks + [
        (["--checkpoint", "%/truncated.h5"], ["truncated.h5", "damaged"]),
        (["--checkpoint", "%/valid.tokens"], ["valid.tokens", "not a drrl checkpoint"]),
        (["--context", "0"], ["--context is 0"]),
        (["--stride", "65"], ["--stride is 65", "64"]),
        (["--stride", "0"], ["--stride is 0"]),
        (["--threads", "0"], ["--threads is 0"]),
        (["--attention", "fixed", "--level", "8:33"], ["8:33", "head width 32"]),
        (["--attention", "fixed", "--rank", "64"], ["64:64", "head width 32"]),
        (["--attention", "fixed"], ["--rank R", "--level S:V"]),
        (["--rank", "8"], ["--attention fixed"]),
        (["--attention", "sparse"], ["--attention sparse", "energy"]),
        (["--attention", "random", "--levels", "8:8,4:4"], ["4:4", "not nested"]),
        (["--attention", "random", "--segment", "24"], ["--segment 24"]),
        (["--attention", "energy", "--energy", "2"], ["--energy is 2"]),
        (["--attention", "performer", "--features", "0"], ["--features is 0"]),
        (["--attention", "nystrom", "--landmarks", "65"], ["--landmarks is 65"]),
        (["--features", "8"], ["--features", "performer"]),
        (["--attention", "energy", "--basis", "fresh"], ["--basis fresh", "resident or online"]),
        (["--attention", "full", "--basis", "online"], ["--basis", "below full rank", "not full"]),
        (["--attention", "nystrom", "--basis", "resident"], ["--basis", "not nystrom"]),
        (["--text", "%/empty.txt"], ["%/empty.txt", "no word"]),
        (["--per-token", "%/valid.tokens"], ["--per-token %/valid.tokens", "would overwrite"]),
        (["stray"], ["stray"]),
    ]

    /// The same for compare.
    private static let compareOnTwoRanks: [(options: [String], named: [String])] = [
        (["--contxts", "3"], ["--contxts", "see drrl compare --help"]),
        (["--strategies", "full,sparse"], ["--strategies full,sparse", "\"sparse\"", "per-layer"]),
        (["--calibrate", "/no/such.txt"], ["/no/such.txt", "No such file"]),
        (["--reference", "policy"], ["holds no policy"]),
        (["--text", "%/one.txt"], ["%/one.txt", "only 2 tokens", "--calibrate"]),
        (["--checkpoint", "%/nobases/\(TrainedModel.file)"], ["compare needs bases", "/lowrank"]),
    ]

    private static let compareInputs: [(options: [String], named: [String])] = compareOnTwoRanks + [
        (["--contexts", "32,65"], ["--contexts 32,65", "65", "64"]),
        (["--contexts", "0"], ["--contexts 0"]),
        (["--contexts", "many"], ["--contexts many", "not a number"]),
        (["--contexts", "16,,32"], ["--contexts 16,,32", "\"\"", "not a number"]),
        (["--contexts", ""], ["--contexts", "not a number"]),
        (["--contexts", "16,16"], ["--contexts 16,16", "twice"]),
        (["--strategies", ""], ["--strategies", "full"]),
        (["--reference", "full"], ["--reference full", "energy"]),
        (["--repeats", "0"], ["--repeats is 0"]),
        (["--windows", "0"], ["--windows is 0"]),
        (["--threads", "0"], ["--threads is 0"]),
        (["--calibrate", "%/empty.txt"], ["%/empty.txt", "no word"]),
        (["--attention", "random"], ["--attention", "--strategies"]),
        (["--basis", "fresh"], ["--basis fresh", "resident or online"]),
        (["--levels", "8:8,4:4"], ["4:4", "not nested"]),
        (["--contexts", "48", "--segment", "32"], ["--segment 32", "48"]),
        (["--stride", "33", "--contexts", "64,32"], ["--stride is 33", "32"]),
    ]

    @Test(arguments: inputs.indices) func isRefusedInOneLine(index: Int) async throws {
        try await refuses("evaluate", Self.inputs[index], onTwoRanks: index < Self.onTwoRanks.count)
    }

    @Test(arguments: compareInputs.indices) func isRefusedInOneLineByCompare(index: Int) async throws {
        try await refuses("compare", Self.compareInputs[index], onTwoRanks: index < Self.compareOnTwoRanks.count)
    }

    private func refuses(_ tool: String, _ input: (options: [String], named: [String]), onTwoRanks: Bool) async throws {
        let model = try await TrainedModel.full(), (options, named) = input
        try await prepare(model)
        func filled(_ text: String) -> String { text.replacing("%", with: model.scratch.path) }
        var arguments = options.map(filled)
        if !options.contains("--checkpoint") { arguments += ["--checkpoint", model.checkpoint] }
        if !options.contains("--text") { arguments += ["--text", model.text] }
        for ranks in onTwoRanks ? [nil, 2] : [nil] as [Int?] {
            // All ranks leave at once, so mpirun need not wait for any.
            let outcome = try await drrl(
                [tool] + arguments, ranks: ranks, flags: ["--mca", "odls_base_sigkill_timeout", "0"])
            #expect(!outcome.timedOut && outcome.status == 2 && outcome.output.isEmpty, "\(outcome)")
            let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("drrl: ") }
            #expect(lines.count == 1, "\(outcome)")
            // mpirun adds its own.
            if ranks == nil { #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome)") }
            for part in named { #expect(lines.first?.contains(filled(part)) == true, "\(part): \(outcome)") }
            for word in ["Fatal error", "MPI_ABORT"] { #expect(!outcome.errors.contains(word), "\(outcome)") }
        }
    }

    @Test func aMissingOptionOrAnUnknownToolIsNamed() async throws {
        for (arguments, named) in [(["evaluate", "--text", "x"], "--checkpoint"), (["guess"], "guess")] {
            let outcome = try await drrl(arguments)
            #expect(outcome.status == 2 && outcome.errors.contains(named), "\(outcome)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
        }
    }

    @Test func withoutBasesFullAttentionStillRuns() async throws {
        let model = try await TrainedModel.full()
        try await prepare(model)
        let path = model.scratch.path + "/nobases/" + TrainedModel.file
        let result = try await model.result([])
        let outcome = try await drrl(["evaluate", "--checkpoint", path, "--text", model.text, "--threads", "1"])
        #expect(outcome.succeeded && outcome.output.contains("\(result.tokens) tokens"), "\(outcome)")
    }

    /// The files that the inputs name, made once.
    private func prepare(_ model: TrainedModel) async throws {
        let folder = model.scratch.path
        if FileManager.default.fileExists(atPath: folder + "/empty.txt") { return }
        let whole = try Data(contentsOf: URL(fileURLWithPath: model.checkpoint))
        try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: folder + "/truncated.h5"))
        try FileManager.default.createDirectory(atPath: folder + "/nobases", withIntermediateDirectories: true)
        let reader = try CheckpointReader(path: model.checkpoint)
        var writer = try CheckpointWriter(directory: folder + "/nobases", step: TrainedModel.steps)
        try writer.write(CheckpointLayout.config, text: reader.text(CheckpointLayout.config))
        for name in [CheckpointLayout.tokenizerEncoder, CheckpointLayout.tokenizerMerges] {
            try writer.write(name, bytes: reader.bytes(name))
        }
        for weight in reader.datasets where weight.name.hasPrefix(CheckpointLayout.parameter("")) {
            try writer.write(weight.name, shape: weight.shape, reader.read(weight.name, shape: weight.shape, of: Float.self))
        }
        _ = try writer.commit()
        _ = try model.scratch.write("e", to: "one.txt")
        _ = try model.scratch.write("", to: "empty.txt")
    }
}
