import Kernels

/// x[b, t] = the table's row of the token plus, where positions are learnt, that of the position; x: [B × length, D].
public func embeddingForward(
    _ batch: MicroBatch, tokenTable: Matrix, positionTable: Matrix?, into x: Buffer<Float>, on team: Team
) {
    let width = tokenTable.columns
    precondition(x.count >= batch.rows * width && batch.length <= positionTable?.rows ?? .max)
    team.split(batch.rows) { rows in
        for row in rows {
            let token = Int(batch.tokens[row])
            precondition(token >= 0 && token < tokenTable.rows, "token \(token) of \(tokenTable.rows)")
            let out = x.pointer + row * width
            let tokens = tokenTable.pointer + token * width
            if let positionTable {
                let positions = positionTable.pointer + (row % batch.length) * width
                for i in 0..<width { out[i] = tokens[i] + positions[i] }
            } else {
                out.update(from: tokens, count: width)
            }
        }
    }
}

/// The gradient of the table's row of each token += dx, in the order of the rows; rows of a negative token are passed over.
public func tokenEmbeddingBackward(_ tokens: Buffer<Int32>, dx: Buffer<Float>, tokenTable: Matrix, on team: Team) {
    addRows(tokens.count, of: dx, to: tokenTable, on: team) { Int(tokens[$0]) }
}

/// The gradient of each position's row += dx, in the order of the rows.
public func positionEmbeddingBackward(_ batch: MicroBatch, dx: Buffer<Float>, positionTable: Matrix, on team: Team) {
    addRows(batch.rows, of: dx, to: positionTable, on: team) { $0 % batch.length }
}

private func addRows(
    _ count: Int, of dx: Buffer<Float>, to table: Matrix, on team: Team, at place: @Sendable (Int) -> Int
) {
    let width = table.columns
    precondition(dx.count >= count * width)
    // By columns, so that no two threads write to the same row's elements.
    team.split(width, grain: 16) { columns in
        for row in 0..<count {
            let place = place(row)
            if place < 0 { continue }
            precondition(place < table.rows, "row \(place) of \(table.rows)")
            let source = dx.pointer + row * width, target = table.pointer + place * width
            for i in columns { target[i] += source[i] }
        }
    }
}
