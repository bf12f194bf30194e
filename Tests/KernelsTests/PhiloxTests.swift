import Kernels
import Testing

@Suite struct PhiloxTests {
    /// Known answers of Philox4x32-10 (Random123's kat_vectors): counter and key all zero, all ones, digits of pi.
    @Test func knownAnswers() {
        let ones = UInt32.max
        #expect(
            Philox(key: 0).block(0, 0, 0, 0) == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
        #expect(
            Philox(key: .max).block(ones, ones, ones, ones)
                == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
        // The key's first word is the low half.
        #expect(
            Philox(key: 0x299f_31d0_a409_3822).block(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344)
                == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
    }

    @Test func derivedKeysAndUniformsComeFromTheFirstTwoWords() {
        let generator = Philox(key: 42)
        let word = generator.block(1, 2, 3, 4)
        #expect(generator.derived(1, 2, 3, 4).key == UInt64(word.y) << 32 | UInt64(word.x))
        #expect(generator.derived(1, 2, 3, 4) != generator.derived(1, 2, 3, 5))
        let uniform = generator.uniform(1, 2, 3, 4)
        #expect(uniform == Double((UInt64(word.y) << 32 | UInt64(word.x)) >> 11) / Double(1 << 53))
    }

    @Test func uniformsFillTheUnitInterval() {
        let generator = Philox(key: 7)
        let count = 20_000
        let values = (0..<UInt32(count)).map { generator.uniform($0) }
        #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
        let mean = values.reduce(0, +) / Double(count)
        let variance = values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(count)
        // Five standard errors.
        #expect(abs(mean - 0.5) < 5 * 0.2887 / Double(count).squareRoot())
        #expect(abs(variance - 1.0 / 12) < 5 * 0.0745 / Double(count).squareRoot())
    }

    @Test func normalDeviatesHaveNormalMoments() {
        let count = 400_000
        let buffer = Buffer<Float>(count: count, repeating: .nan)
        Philox(key: 3).fillNormal(buffer, deviation: 2)
        let z = buffer.array.map { Double($0) / 2 }
        func moment(_ power: Int) -> Double {
            z.reduce(0) { sum, x in sum + (0..<power).reduce(1.0) { product, _ in product * x } } / Double(count)
        }
        // Standard errors of the first four moments of N(0, 1): 1, √2, √15, √96 over √n; five of each.
        let error = 5 / Double(count).squareRoot()
        #expect(abs(moment(1)) < error)
        #expect(abs(moment(2) - 1) < error * 2.0.squareRoot())
        #expect(abs(moment(3)) < error * 15.0.squareRoot())
        #expect(abs(moment(4) - 3) < error * 96.0.squareRoot())
        // P(|z| > 2) = 0.0455.
        let tail = Double(z.count { abs($0) > 2 }) / Double(count)
        #expect(abs(tail - 0.0455) < error * 0.21)
        // Neighbours, which come from one block, do not go together.
        let product = (1..<count).reduce(0) { $0 + z[$1] * z[$1 - 1] } / Double(count - 1)
        #expect(abs(product) < error)
    }

    @Test(arguments: [1, 2, 3, 5, 7, 64, 65, 127])
    func aShorterFillIsThePrefixOfALonger(count: Int) {
        let long = Buffer<Float>(count: 1000, repeating: .nan)
        let short = Buffer<Float>(count: count + 1, repeating: -9)
        Philox(key: 11).fillNormal(long, deviation: 1)
        Philox(key: 11).fillNormal(short[0..<count], deviation: 1)
        #expect(short[0..<count].array == Array(long.array[0..<count]))
        #expect(short[count] == -9)
        #expect(long.array.allSatisfy { $0.isFinite })
    }
}
