import Runs
import Worker

/// A line's numbers by their keys, NaN or nil where it has none.
extension MetricsLine {
    var loss: Double { self[.loss] ?? .nan }
    var lr: Double { self[.learningRate] ?? .nan }
    var grad_norm: Double { self[.gradientNorm] ?? .nan }
    var tokens_per_second: Double { self[.tokensPerSecond] ?? .nan }
    var sgemm_share: Double { self[.sgemmShare] ?? .nan }
    var seconds: Double { self[.seconds] ?? .nan }
    var score_rank: Double? { self[.scoreRank] }
    var value_rank: Double? { self[.valueRank] }
    var attention_flops: Double? { self[.attentionFLOPs] }
    var upkeep_flops: Double? { self[.upkeepFLOPs] }
    var attention_flops_saved: Double? { self[.attentionFLOPsSaved] }
    var bases_kept: Double? { self[.basesKept] }
    var bases_iterated: Double? { self[.basesIterated] }
    var bases_decomposed: Double? { self[.basesDecomposed] }
    var basis_check_flops: Double? { self[.basisCheckFLOPs] }
    var basis_iteration_flops: Double? { self[.basisIterationFLOPs] }
    var basis_decomposition_flops: Double? { self[.basisDecompositionFLOPs] }
    var basis_seconds: Double? { self[.basisSeconds] }
    var policy_flops: Double? { self[.policyFLOPs] }
    var guard_flops: Double? { self[.guardFLOPs] }
    var reward: Double? { self[.reward] }
    var policy_entropy: Double? { self[.policyEntropy] }
    var epsilon: Double? { self[.epsilon] }
    var masked_share: Double? { self[.maskedShare] }
    var valid_perplexity: Double? { self[.validPerplexity] }
    var valid_word_perplexity: Double? { self[.validWordPerplexity] }
    var valid_bits_per_byte: Double? { self[.validBitsPerByte] }
}
