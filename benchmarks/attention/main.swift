// Times attention on one sequence, full and low-rank. Case by case, as standard input asks, so that another program can
// take its turn between two cases:
//
//     echo 4096 8:32 | swift run -c release attention-benchmark --threads 2
import ArgumentParser
import Foundation
import Kernels
import LowRank
import Model

/// What a line of input asks for.
func answer(_ line: String, _ options: AttentionBenchmarkOptions, _ team: Team) throws -> AttentionTimes {
    let words = line.split(separator: " ")
    guard words.count == 2, let context = Int(words[0]) else {
        throw ValidationError("\"\(line)\" is not a context and full or a level, e.g. 4096 8:32")
    }
    let sublayer = try Sublayer(options.model(context: context), team: team)
    let timer = Timer(seconds: options.seconds, isProcessorTime: options.cpuTime)
    if words[1] == "full" { return sublayer.fullTimes(timer) }
    return try sublayer.lowRankTimes(Level(parsing: String(words[1])), segment: options.segment, timer)
}

OpenBLASCore.useWidest()
let options = AttentionBenchmarkOptions.parseOrExit()
let team = Team(threads: options.threads)
do {
    while let line = readLine() {
        let times = try answer(line, options, team)
        print(String(decoding: try JSONEncoder().encode(times), as: UTF8.self))
        // A pipe that is closed ends the program by itself.
        _ = fflush(nil)
    }
} catch {
    FileHandle.standardError.write(Data("attention-benchmark: \(error)\n".utf8))
    exit(1)
}
