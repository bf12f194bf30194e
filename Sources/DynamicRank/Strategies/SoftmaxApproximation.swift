import Transformer

/// Attention that stands in softmax's place and needs fewer operations than L² pairs. It names no levels.
public protocol SoftmaxApproximation: AttentionMode {}
