// Saves checkpoints where the tests cannot: in a process that is killed, starved or timed.
import Checkpoint
import Foundation
import Kernels

/// A small checkpoint whose every number tells its step.
func save(step: Int, in directory: String, dyingAt death: String = "") throws {
    func mayDie(at moment: String) {
        if moment == death { kill(getpid(), SIGKILL) }
    }
    var writer = try CheckpointWriter(directory: directory, step: step)
    mayDie(at: "begun")
    try writer.write("/config", json: ["width": 256])
    let shape = [64, 256]
    for layer in 0..<4 {
        let name = CheckpointLayout.parameter("transformer.h.\(layer).attn.c_proj.weight")
        var dataset = try writer.create(name, shape: shape, of: Float.self)
        for _ in 0..<4 {
            try writer.append(Buffer(count: 16 * 256, repeating: Float(step)), to: &dataset)
            if layer == 2 { mayDie(at: "half") }
        }
        try writer.finish(dataset)
    }
    try writer.write(CheckpointLayout.dataCursor, scalar: Int64(step))
    mayDie(at: "written")
    _ = try writer.commit()
}

/// Saves under every file size limit from 0 on until one is enough; each failure must be a clean one.
func starve(in directory: String) throws {
    try save(step: 1, in: directory)
    // Exceeding the limit must be deadly here, whatever this process has inherited.
    var byDefault = sigaction()
    var none = sigset_t()
    precondition(
        sigaction(SIGXFSZ, &byDefault, nil) == 0 && sigemptyset(&none) == 0
            && pthread_sigmask(SIG_SETMASK, &none, nil) == 0)
    var limit = rlim_t(0)
    var failures = 0
    while true {
        var old = rlimit()
        precondition(getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &old) == 0)
        var starved = old
        starved.rlim_cur = limit
        precondition(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &starved) == 0)
        var failure: (any Error)?
        do { try save(step: 2, in: directory) } catch { failure = error }
        precondition(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &old) == 0)
        guard let failure else { break }
        failures += 1
        guard "\(failure)".contains("File too large"), !"\(failure)".contains("\n") else {
            throw failure
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        precondition(names == ["checkpoint-00000001.h5"], "left \(names)")
        limit += 512
    }
    print("failed cleanly \(failures) times, then saved under a limit of \(limit) bytes")
}

/// Times a checkpoint of `megabytes` in 4 MB datasets.
func measure(in directory: String, megabytes: Int) throws {
    let rows = Buffer<Float>(uninitialized: 1 << 20)
    for i in 0..<rows.count { rows[i] = Float(i) * 0.001 }
    let count = megabytes / 4
    let clock = ContinuousClock()
    var path = ""
    var commit = Duration.zero
    let write = try clock.measure {
        var writer = try CheckpointWriter(directory: directory, step: 1, expectedBytes: count * rows.bytes.count)
        for i in 0..<count { try writer.write("/model/block.\(i)", shape: [1024, 1024], rows) }
        let start = clock.now
        path = try writer.commit()
        commit = clock.now - start
    }
    let open = try clock.measure { _ = try CheckpointReader(path: path).step }
    let reader = try CheckpointReader(path: path)
    let read = try clock.measure {
        for i in 0..<count { try reader.read("/model/block.\(i)", shape: [1024, 1024], into: rows) }
    }
    func report(_ what: String, _ time: Duration) {
        let seconds = Double(time.components.attoseconds) / 1e18 + Double(time.components.seconds)
        print("\(what): \(seconds) s, \(Double(count * rows.bytes.count) / seconds / 1e9) GB/s")
    }
    report("write, whole save", write)
    report("  of which commit", commit)
    report("verify on opening", open)
    report("read and check every dataset", read)
}

let arguments = CommandLine.arguments.dropFirst()
do {
    switch (arguments.first, arguments.dropFirst().first) {
    case ("forever", let directory?):
        for step in 1... { try save(step: step, in: directory) }
    case ("die", let directory?):
        try save(step: 2, in: directory, dyingAt: arguments.last ?? "")
    case ("starve", let directory?):
        try starve(in: directory)
    case ("measure", let directory?):
        try measure(in: directory, megabytes: arguments.last.flatMap { Int($0) } ?? 600)
    default:
        print("usage: checkpoint-probe forever|starve DIR, die DIR begun|half|written, measure DIR MEGABYTES")
        exit(2)
    }
} catch {
    print("\(error)")
    exit(1)
}
