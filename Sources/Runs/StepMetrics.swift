/// What a step tells. Loss in nats a token; times in seconds; FLOPs as the kernels count them, forward and backward.
extension Metric {
    /// Mean negative log-likelihood of the batch's targets before the update.
    public static let loss = Metric("loss", .mean)
    /// Of the step.
    public static let learningRate = Metric("lr", .same)
    /// Global norm of the gradient before clipping, the shared embedding counted once.
    public static let gradientNorm = Metric("grad_norm", .norm)
    /// Time of the whole step.
    public static let seconds = Metric("seconds", .max)
    /// Longest time any rank waited for gradient sums that the backward pass did not hide.
    public static let exposedSeconds = Metric("exposed_comm_seconds", .max)
}

/// Where attention is not full.
extension Metric {
    /// Projections, scores, values, upkeep of the bases, policy and guard.
    public static let attentionFLOPs = Metric("attention_flops", .sum)
    /// Of these, Grams, bases and their folding into weights.
    public static let upkeepFLOPs = Metric("upkeep_flops", .sum)
    /// The share that full attention would have executed more, in the same tiles.
    public static let attentionFLOPsSaved = Metric("attention_flops_saved", .same)
    /// Longest time any rank spent on Grams, bases, their folding, policy and guard, waiting for others' sums included.
    public static let overheadSeconds = Metric("overhead_seconds", .max)
    /// Where levels are named: means over layers and segments.
    public static let scoreRank = Metric("score_rank", .mean)
    /// Mean columns of the value basis.
    public static let valueRank = Metric("value_rank", .mean)
}

/// In steps that looked at the bases: score and value bases of all heads and layers together.
extension Metric {
    /// Bases left as they were, turned by orthogonal iteration, and decomposed again.
    public static let basesKept = Metric("bases_kept", .sum)
    /// Bases turned by an iteration.
    public static let basesIterated = Metric("bases_iterated", .sum)
    /// Bases found by a decomposition.
    public static let basesDecomposed = Metric("bases_decomposed", .sum)
    /// FLOPs of finding out which, of iterations, those that did not suffice included, and of decompositions.
    public static let basisCheckFLOPs = Metric("basis_check_flops", .sum)
    /// FLOPs of these iterations.
    public static let basisIterationFLOPs = Metric("basis_iteration_flops", .sum)
    /// FLOPs of these decompositions.
    public static let basisDecompositionFLOPs = Metric("basis_decomposition_flops", .sum)
    /// Seconds of it all, added up over heads.
    public static let basisSeconds = Metric("basis_seconds", .sum)
}

/// Under a policy.
extension Metric {
    /// Of attention's FLOPs: the policy, its training and its rewards; the guard's and the state's spectral norms.
    public static let policyFLOPs = Metric("policy_flops", .sum)
    /// FLOPs of the guard's norms.
    public static let guardFLOPs = Metric("guard_flops", .sum)
    /// Mean reward of a segment (Eq. 12), or of a token and layer in nats.
    public static let reward = Metric("reward", .same)
    /// Mean entropy of its decisions, in nats.
    public static let policyEntropy = Metric("policy_entropy", .same)
    /// ε_t; absent without a guard.
    public static let epsilon = Metric("epsilon", .same)
    /// Share of actions that the guard masked.
    public static let maskedShare = Metric("masked_share", .same)
    /// Of attention in passes that a policy by token learns from; not among `attentionFLOPs`.
    public static let lookFLOPs = Metric("look_flops", .sum)
    /// Of full attention's scores and values, what its likeliest levels execute; of a policy that keeps a budget.
    public static let executedShare = Metric("executed_share", .same)
    /// What the budget makes of the price of FLOPs.
    public static let priceMultiplier = Metric("price_multiplier", .same)
}

/// What the trainer adds to a step's own numbers; every rank has them whole.
extension Metric {
    /// Tokens of the batch over `seconds`, all ranks together.
    public static let tokensPerSecond = Metric("tokens_per_second", .same)
    /// Training FLOPs per second over the measured SGEMM rate of all ranks.
    public static let sgemmShare = Metric("sgemm_share", .same)
    /// After an evaluation: exp(NLL / tokens), exp(NLL / words of the original text), NLL / ln 2 / its bytes.
    public static let validPerplexity = Metric("valid_perplexity", .same, mayBeNull: true)
    public static let validWordPerplexity = Metric("valid_word_perplexity", .same, mayBeNull: true)
    public static let validBitsPerByte = Metric("valid_bits_per_byte", .same, mayBeNull: true)
}
