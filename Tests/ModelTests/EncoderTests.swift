import Kernels
import Model
import TestSupport
import Testing

@Suite struct EncoderTests {
    private static let shape = EncoderShape(width: 24, heads: 3, layers: 2, feedForward: 40)
    private static let sequences = 3, length = 7

    private static func normal(_ count: Int, _ seed: UInt64) -> Buffer<Float> {
        let x = Buffer<Float>(uninitialized: count)
        Philox(key: seed).fillNormal(x, deviation: 1)
        return x
    }

    /// An encoder whose weights are large enough to matter.
    private static func encoder() -> (Encoder, ParameterArena) {
        let arena = ParameterArena(ParameterLayout(shape.parameters(prefix: "e.")))
        arena.initialize(seed: 3)
        for parameter in arena.layout.parameters where parameter.shape.count > 1 {
            for i in parameter.range { arena.values[i] *= 8 }
        }
        return (Encoder(shape, in: arena, rows: sequences * length, team: Team(threads: 1)), arena)
    }

    @Test func positionByPositionIsTheWhole() {
        let (encoder, _) = Self.encoder(), D = Self.shape.width, S = Self.length
        let x = Self.normal(Self.sequences * S * D, 1)
        let whole = encoder.forward(x, sequences: Self.sequences, length: S).array
        let cache = EncoderCache(encoder, sequences: Self.sequences, length: S)
        for s in 0..<S {
            let now = Buffer<Float>(uninitialized: Self.sequences * D)
            for b in 0..<Self.sequences {
                let first = (b * S + s) * D
                now[(b * D)..<((b + 1) * D)].copy(from: x[first..<(first + D)])
            }
            let own = cache.advance(now)
            for b in 0..<Self.sequences {
                for j in 0..<D {
                    let expected = whole[(b * S + s) * D + j]
                    #expect(abs(own[b * D + j] - expected) < 1e-5)
                }
            }
        }
        #expect(cache.position == S)
    }

    @Test func laterPositionsDoNotMatter() {
        let (encoder, _) = Self.encoder(), D = Self.shape.width, S = Self.length
        let x = Self.normal(S * D, 1)
        let base = encoder.forward(x, sequences: 1, length: S).array
        for t in 0..<S {
            let changed = Buffer(x.array)
            for j in 0..<D { changed[t * D + j] += Float(j % 3) - 0.7 }
            let after = encoder.forward(changed, sequences: 1, length: S).array
            #expect(after[..<(t * D)] == base[..<(t * D)] && after[(t * D)...] != base[(t * D)...])
        }
    }

    /// Directional derivatives of c · y along a random direction of each parameter, and of x.
    @Test func gradientsAgreeWithDifferences() {
        let (encoder, arena) = Self.encoder(), count = Self.sequences * Self.length * Self.shape.width
        let x = Self.normal(count, 1), c = Self.normal(count, 2)
        func value() -> Double {
            let y = encoder.forward(x, sequences: Self.sequences, length: Self.length)
            return (0..<count).reduce(0) { $0 + Double(c[$1]) * Double(y[$1]) }
        }
        _ = value()
        let dx = encoder.backward(c, sequences: Self.sequences, length: Self.length)
        let gradients = Buffer(arena.gradients.array)
        func check(_ name: String, _ values: Buffer<Float>, _ gradient: Buffer<Float>, _ seed: UInt64) {
            let (slope, expected) = slopes(of: value, along: values, gradient: gradient, seed: seed)
            #expect(abs(slope - expected) < 1e-2 * max(1, abs(expected)), "\(name): \(slope), \(expected)")
        }
        for (i, parameter) in arena.layout.parameters.enumerated() {
            check(parameter.name, arena.values[parameter.range], gradients[parameter.range], UInt64(10 + i))
        }
        check("x", x, dx, 9)
    }
}
