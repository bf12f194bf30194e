import Kernels
import Testing

@Suite struct FiniteValuesTests {
    /// At every place of a buffer that no vector divides.
    @Test(arguments: [Float.infinity, -.infinity, .nan]) func oneThatIsNotFiniteIsFound(value: Float) {
        let values = Buffer<Float>(count: 37, repeating: .greatestFiniteMagnitude)
        #expect(areFinite(values) && areFinite(Buffer<Float>(uninitialized: 0)))
        for i in 0..<values.count {
            let before = values[i]
            values[i] = value
            #expect(!areFinite(values), "at \(i)")
            values[i] = before
        }
        #expect(areFinite(values))
    }

    @Test func inFloat64Too() {
        let values = Buffer<Double>(count: 19, repeating: -1e308)
        #expect(areFinite(values))
        values[17] = .nan
        #expect(!areFinite(values))
        values[17] = 0
        values[3] = .infinity
        #expect(!areFinite(values))
    }
}
