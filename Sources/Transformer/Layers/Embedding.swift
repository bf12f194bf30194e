import Kernels

/// x[b, t] = wte[token] + wpe[t]; x: [B × length, D].
public func embeddingForward(
    _ batch: MicroBatch, tokenTable: Matrix, positionTable: Matrix, into x: Buffer<Float>, on team: Team
) {
    let width = tokenTable.columns
    precondition(x.count >= batch.rows * width && batch.length <= positionTable.rows)
    team.split(batch.rows) { rows in
        for row in rows {
            let token = Int(batch.tokens[row])
            precondition(token >= 0 && token < tokenTable.rows, "token \(token) of \(tokenTable.rows)")
            let out = x.pointer + row * width
            let tokens = tokenTable.pointer + token * width
            let positions = positionTable.pointer + (row % batch.length) * width
            for i in 0..<width { out[i] = tokens[i] + positions[i] }
        }
    }
}

/// dwte[token] += dx, dwpe[t] += dx, in the order of the rows.
public func embeddingBackward(
    _ batch: MicroBatch, dx: Buffer<Float>, tokenTable: Matrix, positionTable: Matrix, on team: Team
) {
    let width = tokenTable.columns
    precondition(dx.count >= batch.rows * width)
    // By columns, so that no two threads write to the same row's elements.
    team.split(width, grain: 16) { columns in
        for row in 0..<batch.rows {
            let source = dx.pointer + row * width
            let tokens = tokenTable.pointer + Int(batch.tokens[row]) * width
            let positions = positionTable.pointer + (row % batch.length) * width
            for i in columns {
                tokens[i] += source[i]
                positions[i] += source[i]
            }
        }
    }
}
