import Foundation
import Kernels
import LowRank
import Model
import Testing

/// A policy by token learns what its decisions lose, and keeps its budget.
@Suite struct TokenPolicyTests {
    private static let list = [(1, 2), (2, 4), (4, 8), (8, 8)].map(EngineRun.level)
    private static let nats = [[0.3, 0.1, 0.02, 0], [0.6, 0.2, 0.04, 0]]
    private static let width = EngineRun.heads * EngineRun.headWidth

    /// Slopes against differences in float64, the policy's width being a constant of the step.
    @Test func slopesAgreeWithDifferences() {
        let teaching = ExpectedReward(means: [0.3, 0.1, 0.02, 0], costs: [0.01, 0.03, 0.06, 0.1])
        let losses = [0.9, 0.02, 0.05, 0], width = 0.04, h = 1e-6
        for z in [[0.2, -0.4, 0.9, 0.1], [-3, 1, 0, 0], [2, 2, 2, 2]] {
            let lesson = teaching.lesson(z, losses: losses, width: width)
            for k in z.indices {
                var (above, below) = (z, z)
                above[k] += h
                below[k] -= h
                let difference = (teaching.lesson(above, losses: losses, width: width).loss
                    - teaching.lesson(below, losses: losses, width: width).loss) / (2 * h)
                #expect(abs(difference - lesson.slope[k]) < 1e-6 * max(1, abs(difference)), "level \(k) at \(z)")
            }
            // A level that loses nothing has nothing to forecast.
            #expect(lesson.slope[3] == 0)
        }
        // Beyond its bounds a forecast is not moved.
        #expect(teaching.lesson([9, 0, 0, 0], losses: losses).slope[0] == 0)
    }

    /// With all rewards alike no policy is better than another, and the forecast alone is taught.
    @Test func equalRewardsTeachTheForecastAlone() {
        let teaching = ExpectedReward(means: [0.2, 0.2], costs: [0.1, 0.1])
        let lesson = teaching.lesson([0.3, -0.2], losses: [0.2, 0.2])
        #expect(abs(lesson.slope[0] - (exp(0.3) - 1) / 2) < 1e-12 && abs(lesson.slope[1] - (exp(-0.2) - 1) / 2) < 1e-12)
        #expect(abs(lesson.reward + 0.3) < 1e-12)
    }

    private static func normal(_ count: Int, _ seed: UInt64) -> Buffer<Float> {
        let x = Buffer<Float>(uninitialized: count)
        Philox(key: seed).fillNormal(x, deviation: 1)
        return x
    }

    /// Rows of all four segments; losses follow one direction of the input, with the tails of a squared normal deviate.
    private static func lesson(layer: Int, rows: Int, seed: UInt64) -> TokenLesson {
        let x = normal(rows * width, seed), noise = normal(rows, seed &+ 1), K = list.count
        let losses = Buffer<Float>(uninitialized: rows * K)
        for row in 0..<rows {
            let truth = exp(1.2 * Double(x[row * width + 3]) - 0.72), draw = Double(noise[row])
            for k in 0..<K { losses[row * K + k] = Float(nats[layer][k] * truth * draw * draw) }
        }
        let segments = (0..<rows).map { $0 % 4 }
        // Columns of unlike size, as those of a norm's output are.
        for i in 0..<x.count { x[i] *= 1 + Float(i % width) }
        return TokenLesson(layer: layer, inputs: x, losses: losses, segments: segments, isFar: segments.map { $0 > 0 })
    }

    private static func learner(within share: Double) throws -> (run: EngineRun, policy: TokenPolicyLearner, LossForecast) {
        let options = RankOptions(
            mode: TokenPolicy(within: share), levels: list, segment: 8, exact: ExactTokens(recent: 0, first: 1))
        let run = try EngineRun(options, upkeeping: EngineRun.everyRow)
        let forecast = LossForecast(layers: 2, width: width, levels: list.count)
        for layer in forecast.layers { layer.arena.initialize(seed: 5) }
        run.engine.calibrated = CalibratedLosses(levels: try LevelLosses(levels: list, nats: nats), forecast: forecast)
        return (run, try #require(run.engine.tokenPolicy), forecast)
    }

    /// From a forecast that knows nothing, whose price is far off too: rewards rise, forecasts follow what inputs tell, and the
    /// share executed comes within 1% of the budget.
    @Test(arguments: [1.6, 1.8]) func learnsAndKeepsTheBudget(share: Double) throws {
        let (_, policy, forecast) = try Self.learner(within: share)
        var reports: [PolicyReport] = []
        for step in 0..<60 {
            for layer in 0..<2 { policy.remember(Self.lesson(layer: layer, rows: 1200, seed: UInt64(1000 * step + 10 * layer))) }
            reports.append(try #require(try policy.learn(with: NoPeers())))
        }
        let last = reports.suffix(10), executed = last.compactMap(\.executedShare).reduce(0, +) / 10
        #expect(abs(executed / share - 1) < 0.01, "\(executed) of \(share)")
        #expect(policy.multiplier != 1 && policy.multiplier == reports[59].priceMultiplier)
        let unseen = Self.lesson(layer: 1, rows: 1000, seed: 77), factors = forecast.factors(
            Matrix(unseen.inputs, rows: 1000, columns: Self.width), layer: 1, on: Team(threads: 1))
        // Inputs were scaled by 1 + c.
        let told = (0..<1000).map { log(Double(factors[$0 * 4])) }, truth = (0..<1000).map { Double(unseen.inputs[$0 * Self.width + 3]) }
        #expect(correlation(told, truth) > 0.4, "\(correlation(told, truth))")
        #expect(try policy.learn(with: NoPeers()) == nil, "a step that saw nothing teaches nothing")
    }

    private func correlation(_ x: [Double], _ y: [Double]) -> Double {
        func centred(_ x: [Double]) -> [Double] { let mean = x.reduce(0, +) / Double(x.count); return x.map { $0 - mean } }
        func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        let (a, b) = (centred(x), centred(y))
        return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }

    /// Rows learn from the input of the first token that shares their level.
    @Test(arguments: [1, 4]) func lessonsReadTheFirstToken(grain: Int) {
        let L = 32, D = Self.width, x = Self.normal(2 * L * D, 3), batch = EngineRun.batch([6, 7], tokens: 9)
        let seen = ObservedAttention(
            layer: 1, batch: batch, x: Matrix(x, rows: 2 * L, columns: D), qkv: x, outputs: x, outputGradients: x)
        let rows = [(0, 3), (0, 12), (1, 31)].map { LookedRow(sequence: $0.0, position: $0.1) }
        let losses = EstimatedLosses(rows: rows, levels: 2, values: Buffer([0.1, 0, 0.2, 0, 0.3, 0]))
        let lesson = TokenLesson(losses, of: seen, exact: ExactTokens(recent: 0, first: 1), segment: 8, grain: grain)
        for (i, place) in [3 / grain * grain, 12, L + 31 / grain * grain].enumerated() {
            #expect(lesson.inputs[(i * D)..<((i + 1) * D)].array == x[(place * D)..<((place + 1) * D)].array)
        }
        #expect(lesson.segments == [0, 1, 3] && lesson.isFar == [false, true, true])
    }

    /// One lesson or the same rows in two: the same policy to rounding.
    @Test func rowsMayComeInParts() throws {
        func learnt(parts: Int) throws -> (values: [Float], multiplier: Double) {
            let (_, policy, forecast) = try Self.learner(within: 1.7)
            for step in 0..<3 {
                let whole = Self.lesson(layer: 0, rows: 400, seed: UInt64(step))
                for part in whole.parts(parts) { policy.remember(part) }
                _ = try policy.learn(with: NoPeers())
            }
            return (forecast.layers[0].arena.values.array, policy.multiplier)
        }
        let (one, two) = (try learnt(parts: 1), try learnt(parts: 2))
        #expect(zip(one.values, two.values).allSatisfy { abs($0 - $1) < 2e-4 } && abs(one.multiplier / two.multiplier - 1) < 1e-4)
        #expect(one.values.contains { $0 != 0 })
    }
}

extension TokenLesson {
    /// So many, of consecutive rows.
    fileprivate func parts(_ count: Int) -> [TokenLesson] {
        let rows = segments.count, D = inputs.count / rows, K = losses.count / rows
        return (0..<count).map { part in
            let own = (rows * part / count)..<(rows * (part + 1) / count)
            return TokenLesson(
                layer: layer, inputs: Buffer(inputs[(own.lowerBound * D)..<(own.upperBound * D)].array),
                losses: Buffer(losses[(own.lowerBound * K)..<(own.upperBound * K)].array), segments: Array(segments[own]),
                isFar: Array(isFar[own]))
        }
    }
}
