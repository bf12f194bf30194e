import Corpus

/// What a rank notes of the tokens that its windows predict, in order.
struct TokenRecord {
    /// Nats.
    var nll: [Double] = []
    /// Score rank and value rank of each layer in turn, for each token.
    var ranks: [Int32] = []

    /// Score rank and value rank of each layer, summed over the tokens: [2 × layers].
    func rankSums(layers: Int) -> [Double] {
        var sums = [Double](repeating: 0, count: 2 * layers)
        for (i, rank) in ranks.enumerated() { sums[i % (2 * layers)] += Double(rank) }
        return sums
    }

    /// The names of the columns of `lines`.
    static func header(layers: Int) -> String {
        "position,token,nll" + (0..<layers).map { ",layer_\($0)" }.joined() + "\n"
    }

    /// CSV lines, where the record holds all tokens but the text's first. A number's digits are as many as give it back.
    func lines(_ tokens: Tokens) -> String {
        let tokens = tokens.array
        let columns = nll.isEmpty ? 0 : ranks.count / nll.count
        var text = ""
        for (i, nll) in nll.enumerated() {
            text += "\(i + 1),\(tokens[i + 1]),\(nll)"
            for j in stride(from: i * columns, to: (i + 1) * columns, by: 2) { text += ",\(ranks[j]):\(ranks[j + 1])" }
            text += "\n"
        }
        return text
    }
}
