import Foundation

/// How far queries and keys are turned at each position (Su et al. 2021).
///
/// Columns i and i + d/2 of a head of width d are a pair, as Hugging Face stores them; at position t it turns by t times
/// the frequency of i.
public struct RotaryPositions: Codable, Equatable, Sendable {
    /// Base θ of the frequencies θ^(−2i/d), in radians a position.
    public var base: Double
    /// How angles are stretched for contexts longer than the model was first trained on.
    public var scaling: Scaling

    /// What is made of the frequencies, for contexts longer than those that a model first saw.
    public enum Scaling: Codable, Equatable, Sendable {
        case none
        /// Every frequency divided by `factor` (Chen et al. 2023).
        case linear(factor: Double)
        /// Llama 3.1's (Grattafiori et al. 2024): frequencies of wavelengths above `originalContext / lowFrequencyFactor`
        /// divided by `factor`, those below `originalContext / highFrequencyFactor` kept, and a line between the two.
        case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Int)
    }

    /// Angles θ_i = base^(−2i/d), scaled as asked.
    public init(base: Double = 10_000, scaling: Scaling = .none) {
        self.base = base
        self.scaling = scaling
    }

    /// The frequency of each pair of columns, rounded to float32 at each operation as transformers rounds
    /// (`modeling_rope_utils`): at thousands of positions the rounding shows.
    ///
    /// - Parameter headWidth: d, even.
    /// - Returns: [d / 2], in radians a position.
    public func frequencies(headWidth: Int) -> [Float] {
        precondition(headWidth > 0 && headWidth % 2 == 0, "heads of \(headWidth) columns have no pairs")
        return (0..<(headWidth / 2)).map { pair in
            scaled(1 / pow(Float(base), Float(2 * pair) / Float(headWidth)))
        }
    }

    private func scaled(_ frequency: Float) -> Float {
        switch scaling {
        case .none:
            return frequency
        case .linear(let factor):
            return frequency / Float(factor)
        case .llama3(let factor, let low, let high, let original):
            let wavelength = Float(2 * Double.pi) / frequency
            if wavelength < Float(Double(original) / high) { return frequency }
            if wavelength > Float(Double(original) / low) { return frequency / Float(factor) }
            let kept = (Float(original) / wavelength - Float(low)) / Float(high - low)
            return (1 - kept) * frequency / Float(factor) + kept * frequency
        }
    }
}
