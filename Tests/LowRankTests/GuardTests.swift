import LowRank
import TestSupport
import Testing

@Suite struct GuardTests {
    @Test func masksWhatIsAboveTheTolerance() throws {
        let g = try Guard(epsilon: 0.5, decay: 0.5)
        #expect(g.tolerance(step: 0) == 0.5 && g.tolerance(step: 3) == 0.0625)
        #expect(g.mask(perturbations: [0.6, 0.5, 0.2, 0], step: 0) == [false, true, true, true])
        #expect(g.mask(perturbations: [0.6, 0.5, 0.2, 0], step: 1) == [false, false, true, true])
    }

    @Test func anActionAlwaysStands() throws {
        let g = try Guard(epsilon: 0.01, decay: 0.9)
        #expect(g.mask(perturbations: [0.6, 0.5, 0.2], step: 9) == [false, false, true])
        #expect(g.mask(perturbations: [0.2, 0.2, 0.3], step: 0) == [false, true, false])
        #expect(g.mask(perturbations: [.nan, 0.4, .nan], step: 0) == [false, true, false])
        #expect(g.mask(perturbations: [.nan, .nan], step: 0) == [false, true])
        #expect(g.mask(perturbations: [.infinity], step: 1 << 40) == [true])
        for number in 0..<300 {
            var sample = SampleMatrices(seed: UInt64(number))
            let perturbations = sample.normal(1, 1 + number % 9).values.array.map(abs)
            let mask = g.mask(perturbations: perturbations, step: number)
            #expect(mask.contains(true))
            for (stands, p) in zip(mask, perturbations) where stands {
                #expect(p <= g.tolerance(step: number) || p == perturbations.min())
            }
        }
    }

    @Test func refusesWhatCannotBe() {
        #expect(throws: GuardError.self) { try Guard(epsilon: -1, decay: 1) }
        #expect(throws: GuardError.self) { try Guard(epsilon: .nan, decay: 1) }
        #expect(throws: GuardError.self) { try Guard(epsilon: 1, decay: 0) }
        #expect(throws: GuardError.self) { try Guard(epsilon: 1, decay: 1.5) }
    }
}
