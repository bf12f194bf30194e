/// How the next token is chosen from a model's logits. The filters are those of Hugging Face transformers' logits processors,
/// in their order: repetition penalty, temperature, top-k, top-p, min-p.
public struct Sampling: Equatable, Sendable {
    /// What logits are divided by; 0 takes the likeliest token.
    public var temperature: Double
    /// Only so many of the likeliest tokens, and those as likely as the last of them; nil for all.
    public var topK: Int?
    /// Only the likeliest tokens that together have this probability; nil for all (Holtzman et al. 2020).
    public var topP: Double?
    /// Only tokens with at least this share of the likeliest one's probability; nil for all (Nguyen et al. 2024).
    public var minP: Double?
    /// Tokens that are there already have positive logits divided by this, and negative ones multiplied (Keskar et al. 2019).
    public var repetitionPenalty: Double
    /// Decides the draws.
    public var seed: UInt64

    public init(
        temperature: Double = 1, topK: Int? = nil, topP: Double? = nil, minP: Double? = nil, repetitionPenalty: Double = 1,
        seed: UInt64 = 0
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
        self.seed = seed
    }
}
