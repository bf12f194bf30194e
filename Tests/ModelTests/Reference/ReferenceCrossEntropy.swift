import Foundation

extension Reference {
    /// Each row's negative log-likelihood of its target in nats, and the gradient of their sum; a negative target counts
    /// for nothing. logits: [rows, V].
    static func crossEntropy(
        _ logits: [Double], targets: [Int32]
    ) -> (losses: [Double], dlogits: [Double]) {
        let vocabulary = logits.count / targets.count
        var losses = [Double](repeating: 0, count: targets.count)
        var dlogits = [Double](repeating: 0, count: logits.count)
        for (row, target) in targets.enumerated() where target >= 0 {
            let first = row * vocabulary
            let top = logits[first..<(first + vocabulary)].max()!
            var sum = 0.0
            for c in 0..<vocabulary { sum += exp(logits[first + c] - top) }
            losses[row] = top + log(sum) - logits[first + Int(target)]
            for c in 0..<vocabulary { dlogits[first + c] = exp(logits[first + c] - top) / sum }
            dlogits[first + Int(target)] -= 1
        }
        return (losses, dlogits)
    }

    /// Logits of a tied head: x Eᵀ; x: [rows, D], E: [V, D].
    static func tiedLogits(_ x: [Double], embedding: [Double], width: Int) -> [Double] {
        let rows = x.count / width, vocabulary = embedding.count / width
        var logits = [Double](repeating: 0, count: rows * vocabulary)
        for r in 0..<rows {
            for t in 0..<vocabulary {
                var sum = 0.0
                for i in 0..<width { sum += x[r * width + i] * embedding[t * width + i] }
                logits[r * vocabulary + t] = sum
            }
        }
        return logits
    }

    static func tiedLogitsBackward(
        dlogits: [Double], x: [Double], embedding: [Double], width: Int
    ) -> (dx: [Double], dembedding: [Double]) {
        let rows = x.count / width, vocabulary = embedding.count / width
        var dx = x.map { _ in 0.0 }, dembedding = embedding.map { _ in 0.0 }
        for r in 0..<rows {
            for t in 0..<vocabulary {
                let d = dlogits[r * vocabulary + t]
                for i in 0..<width {
                    dx[r * width + i] += d * embedding[t * width + i]
                    dembedding[t * width + i] += d * x[r * width + i]
                }
            }
        }
        return (dx, dembedding)
    }
}
