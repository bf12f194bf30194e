import DynamicRank
import Transformer

extension AttentionOptions {
    /// Throws `ConfigurationError` where options of the kernels are given for another strategy.
    func requireKernel(_ name: String) throws(ConfigurationError) {
        if name != "performer", features != nil {
            throw ConfigurationError("--features is for --attention performer, not \(name)")
        }
        if name != "nystrom", landmarks != nil {
            throw ConfigurationError("--landmarks is for --attention nystrom, not \(name)")
        }
    }

    /// Twice as many features as the head is wide, unless told.
    func performer(headWidth d: Int) throws(ConfigurationError) -> Strategy {
        let most = 4096, features = features ?? min(2 * d, most)
        guard (1...most).contains(features) else {
            throw ConfigurationError("--features is \(features); it must lie between 1 and \(most)")
        }
        return .performer(features: features)
    }

    /// 8 landmarks a segment, unless told.
    func nystrom(segment: Int) throws(ConfigurationError) -> Strategy {
        let landmarks = landmarks ?? min(8, segment)
        guard (1...segment).contains(landmarks) else {
            throw ConfigurationError(
                "--landmarks is \(landmarks); it must lie between 1 and the segment's \(segment) tokens")
        }
        return .nystrom(landmarks: landmarks)
    }
}
