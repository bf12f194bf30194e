#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The guard of Eq. 10 (Erden 2025, arXiv 2512.15973): actions that would change the scores too much are not sampled.
public struct Guard: Codable, Sendable, Equatable {
    /// ε_0, the largest ‖ΔA‖_F / ‖A‖_F allowed at step 0.
    public let epsilon: Double
    /// What ε is multiplied by from step to step, in (0, 1].
    public let decay: Double

    /// What stands where nothing is said. docs/policy.md says how these were found.
    public static let defaultEpsilon = 0.3, defaultDecay = 0.9995

    /// - Throws: `GuardError` where ε_0 is negative or not finite, or the decay is outside (0, 1].
    public init(epsilon: Double, decay: Double) throws(GuardError) {
        guard epsilon >= 0, epsilon.isFinite else {
            throw GuardError(description: "epsilon is \(epsilon); it must be a finite number, 0 or more")
        }
        guard decay > 0, decay <= 1 else {
            throw GuardError(description: "epsilon-decay is \(decay); it must be above 0 and at most 1")
        }
        self.epsilon = epsilon
        self.decay = decay
    }

    /// ε_t = ε_0 · decay^t.
    public func tolerance(step: Int) -> Double { epsilon * pow(decay, Double(step)) }

    /// Eq. 10: which actions stand, given the relative perturbation ‖ΔA‖_F / ‖A‖_F of each.
    ///
    /// Where all exceed ε_t the least perturbing one stands (the last of equals, which has the most rank). A perturbation
    /// that is NaN does not stand, unless all are NaN: then the last action does.
    public func mask(perturbations: [Double], step: Int) -> [Bool] {
        let limit = tolerance(step: step)
        var allowed = perturbations.map { $0 <= limit }
        if !allowed.isEmpty && !allowed.contains(true) {
            var best = allowed.count - 1
            for i in allowed.indices.reversed()
            where perturbations[i] < perturbations[best] || (perturbations[best].isNaN && !perturbations[i].isNaN) {
                best = i
            }
            allowed[best] = true
        }
        return allowed
    }
}

/// A guard that cannot be. The description is one line.
public struct GuardError: Error, Equatable, CustomStringConvertible {
    public let description: String
}
