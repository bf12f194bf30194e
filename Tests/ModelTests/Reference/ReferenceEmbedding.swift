extension Reference {
    /// x[b, t] = tokenTable[token] + positionTable[t].
    static func embedding(
        tokens: [Int32], length: Int, tokenTable: [Double], positionTable: [Double], width: Int
    ) -> [Double] {
        tokens.enumerated().flatMap { row, token in
            (0..<width).map { tokenTable[Int(token) * width + $0] + positionTable[row % length * width + $0] }
        }
    }

    static func embeddingBackward(
        dx: [Double], tokens: [Int32], length: Int, tokenTable: [Double], positionTable: [Double], width: Int
    ) -> (dtokens: [Double], dpositions: [Double]) {
        var dtokens = tokenTable.map { _ in 0.0 }, dpositions = positionTable.map { _ in 0.0 }
        for (row, token) in tokens.enumerated() {
            for i in 0..<width {
                dtokens[Int(token) * width + i] += dx[row * width + i]
                dpositions[row % length * width + i] += dx[row * width + i]
            }
        }
        return (dtokens, dpositions)
    }
}
