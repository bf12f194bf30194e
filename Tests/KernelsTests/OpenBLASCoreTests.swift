import Kernels
import Testing

/// OpenBLAS's kernels on CPUs that it does not know.
@Suite struct OpenBLASCoreTests {
    @Test func onlyTheFallbackIsBettered() {
        #expect(OpenBLASCore.better(than: "Prescott", widest: .avx512) == "SkylakeX")
        #expect(OpenBLASCore.better(than: "Prescott", widest: .avx2) == "Haswell")
        #expect(OpenBLASCore.better(than: "Prescott", widest: .baseline) == nil)
        for known in ["SkylakeX", "Zen", "Haswell", "Cooperlake", "Sandybridge"] {
            #expect(OpenBLASCore.better(than: known, widest: .avx512) == nil)
        }
    }
}
