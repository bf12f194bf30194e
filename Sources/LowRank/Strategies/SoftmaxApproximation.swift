import Model

/// Attention that stands in softmax's place and needs fewer operations than L² pairs. It names no levels.
public protocol SoftmaxApproximation: AttentionMode {}

extension SoftmaxApproximation {
    public func bytes(_ configuration: ModelConfiguration, _ options: RankOptions, on share: RankShare) -> Double {
        Double(
            kind(segment: options.segment, seed: 0).bytes(
                configuration, layers: share.layers, rows: share.sequences * configuration.context, threads: share.threads,
                forTraining: true))
    }
}
