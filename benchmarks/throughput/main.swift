// Times whole training steps (batch, forward, backward, gradient exchange, clipping and AdamW), or forward passes.
//
//     swift run -c release throughput-benchmark --threads 2
//     mpirun -n 2 .build/release/throughput-benchmark
import BenchmarkSupport
import Communicator
import Foundation
import Kernels
import Model
import Options
import Worker

/// Collective: the same report on all ranks but for `peak_rss`, which rank 0 has.
func measure(_ options: ThroughputOptions, _ world: consuming Communicator) throws -> ThroughputReport {
    let topology = try Topology(rank: world.rank, worldSize: world.size, stages: 1)
    let grid = try Grid(topology, world: world)
    let team = Team(threads: options.threads, precision: options.precision)
    let model = try options.model()
    let rounds = options.warmup + options.steps
    let tokens = RandomTokens(vocabularySize: model.vocabularySize)
    let source = try BatchSource(
        shard: tokens.shard(count: rounds * options.batch * model.context), context: model.context, seed: 1)
    var work: any TimedWork
    if options.forward {
        guard topology.replicas == 1 else {
            throw ConfigurationError("--forward times one process; start it without mpirun")
        }
        work = ForwardPass(model, source: source, batch: options.batch, team: team)
    } else {
        work = try TrainingStep(model, source: source, batch: options.batch, steps: rounds, grid: grid, team: team)
    }

    let ruler = SGEMMRuler(team: Team(threads: options.threads))
    for _ in 0..<options.warmup { _ = try work.run() }
    // The machine's own rate drifts, so it is taken afresh on both sides of every piece.
    var sgemm = [try ruler.measure(on: grid.world)]
    var pieces: [TimedPiece] = []
    var cpuSeconds: [Double] = []
    for _ in 0..<options.steps {
        let before = processorSeconds()
        pieces.append(try work.run())
        cpuSeconds.append(try grid.world.allreduce(processorSeconds() - before, .sum))
        sgemm.append(try ruler.measure(on: grid.world))
    }
    let memory = try grid.world.gather(peakResidentBytes(), root: 0) ?? []

    let pieceTokens = Double(options.batch * model.context)
    let pieceFLOPs = pieceTokens * model.trainingFLOPs(perTokenOfLength: model.context) * work.shareOfTrainingFLOPs
    let shares = pieces.indices.map { i in
        pieceFLOPs / pieces[i].seconds / (0.5 * (sgemm[i].rate + sgemm[i + 1].rate))
    }
    let cpuShares = pieces.indices.map { i in
        pieceFLOPs / cpuSeconds[i] / (0.5 * (sgemm[i].ratePerCPU + sgemm[i + 1].ratePerCPU))
    }
    return ThroughputReport(
        layers: model.layers, width: model.width, heads: model.heads, context: model.context,
        vocabulary: model.vocabularySize, batch: options.batch, parameters: model.parameterCount,
        ranks: topology.replicas, threads_per_rank: options.threads, steps: options.steps, work: work.name,
        precision: options.precision.rawValue, tokenizer: tokens.hash, openblas_core: OpenBLASCore.name,
        openblas_coretype: ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"], loss: pieces[pieces.count - 1].loss,
        seconds: Spread(pieces.map(\.seconds)),
        tokens_per_second: Spread(pieces.map { pieceTokens / $0.seconds }),
        gflops: Spread(pieces.map { pieceFLOPs / $0.seconds / 1e9 }),
        sgemm_gflops: Spread(sgemm.map { $0.rate / 1e9 }), sgemm_share: Spread(shares),
        sgemm_share_by_cpu_time: Spread(cpuShares),
        exposed_comm_seconds: Spread(pieces.map(\.exposedSeconds)), peak_rss: memory)
}

/// This process's highest resident memory so far, by the kernel's count.
func peakResidentBytes() throws -> Int64 {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap { Int64($0) }
    guard let kilobytes else { throw ConfigurationError("/proc/self/status names no VmHWM; the benchmark needs Linux") }
    return kilobytes << 10
}

OpenBLASCore.useWidest()
let options = ThroughputOptions.parseOrExit()
measuring { try measure(options, $0) }
