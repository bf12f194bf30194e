import Checkpoint
import Foundation
import Kernels
import Testing

/// What a program printed and how it ended.
struct Outcome {
    let status: Int32
    let isSignalled: Bool
    let output: String
    let errors: String
}

func run(_ program: String, _ arguments: [String]) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let printed = output.fileHandleForReading.readDataToEndOfFile()
    let complaints = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Outcome(
        status: process.terminationStatus, isSignalled: process.terminationReason == .uncaughtSignal,
        output: String(decoding: printed, as: UTF8.self), errors: String(decoding: complaints, as: UTF8.self))
}

enum Tool {
    /// Python with h5py, named by DRRL_PYTHON or found as python3; nil where there is none.
    static let python: String? = {
        let name = ProcessInfo.processInfo.environment["DRRL_PYTHON"] ?? "python3"
        let outcome = try? run(name, ["-c", "import h5py, numpy"])
        return outcome?.status == 0 ? name : nil
    }()

    static let hasH5dump = (try? run("h5dump", ["--version"]))?.status == 0

    /// The program that the tests kill and starve, beside the one that runs them.
    static var probe: String {
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().appendingPathComponent("checkpoint-probe").path
    }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    static func script(_ name: String) -> String { folder.appendingPathComponent("Python/" + name).path }
}

/// Numbers that differ everywhere.
func ramp(_ count: Int, from start: Float = 0) -> Buffer<Float> {
    Buffer((0..<count).map { start + Float($0) * 0.5 })
}

/// A small checkpoint with something of every kind.
@discardableResult
func saveSample(step: Int = 7, in directory: String) throws -> String {
    var writer = try CheckpointWriter(directory: directory, step: step, expectedBytes: 4096)
    try writer.setAttribute("note", .text("größer"))
    try writer.setAttribute("rate", .real(0.25))
    try writer.write("/config", json: ["width": 256, "layers": 4])
    try writer.write("/model/a.weight", shape: [6, 4], ramp(24))
    try writer.write("/model/b.weight", shape: [5], ramp(5, from: 100))
    try writer.write("/data/cursor", scalar: Int64(-12))
    try writer.write("/rng/key", scalar: UInt64.max)
    try writer.write("/tokenizer/vocab.bpe", bytes: Array("#version\n\u{0}x".utf8))
    try writer.write("/tokenizer/hash", text: "naïve")
    var trace = try writer.createTrace(
        "/traces/rank", rowShape: [3], axes: ["step", "layer"], units: "1", of: Int32.self)
    for row in 0..<5 as Range<Int32> { try writer.append(Buffer([row, row * 10, row * 100]), to: &trace) }
    try writer.finish(trace)
    return try writer.commit()
}

/// The error that `body` throws, as one line; fails if it throws none or another kind.
func message(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> String {
    do {
        try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return ""
    } catch {
        #expect(error is CheckpointError, sourceLocation: sourceLocation)
        let text = "\(error)"
        #expect(!text.contains("\n"), sourceLocation: sourceLocation)
        return text
    }
}
