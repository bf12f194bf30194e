import Foundation
import Kernels
import LowRank
import Model
import Testing

/// What a token's own input tells of what levels lose there.
@Suite struct LossForecastTests {
    private static let width = 12, levels = 3, means = [0.02, 0.005, 0]

    private static func normal(_ count: Int, _ seed: UInt64) -> Buffer<Float> {
        let x = Buffer<Float>(uninitialized: count)
        Philox(key: seed).fillNormal(x, deviation: 1)
        return x
    }

    /// Inputs away from mean 0 and deviation 1; losses with a mean that one direction of them sets, and heavy tails.
    private static func lesson(rows: Int, seed: UInt64) -> (lesson: ForecastLesson, truth: [Double]) {
        let x = normal(rows * width, seed), noise = normal(rows * levels, seed + 1)
        let truth = (0..<rows).map { 1.2 * Double(x[$0 * width + 3]) }
        let losses = Buffer<Float>(uninitialized: rows * levels)
        for row in 0..<rows {
            for k in 0..<levels {
                let draw = Double(noise[row * levels + k])
                // The square of a normal deviate, of mean 1.
                losses[row * levels + k] = Float(means[k] * exp(truth[row] - 0.72) * draw * draw)
            }
        }
        for i in 0..<x.count { x[i] = 3 + 0.2 * Float(i % width) + (1 + Float(i % width)) * x[i] }
        return (ForecastLesson(inputs: x, losses: losses, width: width, levels: levels), truth)
    }

    /// Gradients of all parameters against differences of the deviance.
    @Test func gradientsAgreeWithDifferences() {
        let layer = LossForecast.Layer(width: Self.width, levels: Self.levels), team = Team(threads: 1)
        for i in 0..<layer.arena.values.count { layer.arena.values[i] = 0.3 * Self.normal(layer.arena.values.count, 4)[i] }
        let R = 7, K = Self.levels, x = Matrix(Self.normal(R * Self.width, 5), rows: R, columns: Self.width)
        let y = Self.normal(R * K, 6).array.map { abs($0) }
        func deviance() -> Double {
            let z = layer.forward(x, on: team).z
            return (0..<(R * K)).reduce(0) { $0 + exp(Double(z[$1])) - Double(y[$1]) * Double(z[$1]) }
        }
        let pass = layer.forward(x, on: team)
        let dz = Buffer((0..<(R * K)).map { Float(exp(Double(pass.z[$0]))) - y[$0] })
        layer.backward(pass, x: x, dz: dz, on: team)
        let scale = layer.arena.gradients.array.map { abs($0) }.max() ?? 0
        for i in stride(from: 0, to: layer.arena.values.count, by: 5) {
            let value = layer.arena.values[i], h: Float = 1e-2
            layer.arena.values[i] = value + h
            let above = deviance()
            layer.arena.values[i] = value - h
            let below = deviance()
            layer.arena.values[i] = value
            let difference = (above - below) / Double(2 * h)
            #expect(abs(difference - Double(layer.arena.gradients[i])) < 5e-3 * Double(scale), "parameter \(i)")
        }
    }

    /// On rows that it has not seen its factors follow the truth, and keep the mean.
    @Test func learnsWhatInputsTell() {
        let team = Team(threads: 2), forecast = LossForecast(layers: 2, width: Self.width, levels: Self.levels)
        forecast.learn(Self.lesson(rows: 4000, seed: 10).lesson, means: Self.means, layer: 1, seed: 3, on: team)
        let (unseen, truth) = Self.lesson(rows: 1000, seed: 20), K = Self.levels
        let x = Matrix(unseen.inputs, rows: 1000, columns: Self.width)
        let factors = forecast.factors(x, layer: 1, on: team)
        for k in 0..<2 {
            let own = (0..<1000).map { log(Double(factors[$0 * K + k])) }
            func centred(_ x: [Double]) -> [Double] { let mean = x.reduce(0, +) / 1000; return x.map { $0 - mean } }
            let (a, b) = (centred(own), centred(truth))
            func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
            let correlation = dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
            #expect(correlation > 0.9, "level \(k): \(correlation)")
            let mean = (0..<1000).reduce(0) { $0 + Double(factors[$1 * K + k]) } / 1000
            #expect(abs(mean - 1) < 0.2, "level \(k): \(mean)")
        }
        // A level that loses nothing is never asked; a layer that learnt nothing forecasts its means.
        #expect((0..<1000).allSatisfy { factors[$0 * K + 2] == 1 })
        #expect(forecast.factors(x, layer: 0, on: team).array.allSatisfy { $0 == 1 })
        #expect(forecast.layers[1].sampled.array.contains { abs($0) > 0.1 })
    }

    /// The same lesson and seed give the same network, on any number of threads.
    @Test func learningIsAFunctionOfTheLesson() {
        func learnt(threads: Int) -> [Float] {
            let forecast = LossForecast(layers: 1, width: Self.width, levels: Self.levels)
            forecast.learn(Self.lesson(rows: 300, seed: 10).lesson, means: Self.means, layer: 0, seed: 3, on: Team(threads: threads))
            return forecast.layers[0].arena.values.array
        }
        #expect(learnt(threads: 1) == learnt(threads: 3))
    }

    /// Fewer rows than a batch, and none.
    @Test func aShortLessonIsNoTrap() {
        for rows in [0, 1, 5] {
            let forecast = LossForecast(layers: 1, width: Self.width, levels: Self.levels)
            forecast.learn(Self.lesson(rows: rows, seed: 10).lesson, means: Self.means, layer: 0, seed: 3, on: Team(threads: 1))
            let values = forecast.layers[0].arena.values.array
            #expect(values.allSatisfy { $0.isFinite })
        }
    }
}
