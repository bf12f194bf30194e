import Kernels

// M = B L rows, D width; H query heads on G key/value heads of width d.

/// Attention of a layer by a kernel that knows as many heads of keys and values as of queries: where query heads share
/// them, it is given copies, and the copies' gradients are summed.
struct KernelisedSublayer: AttentionSublayer {
    let maps: AttentionMaps
    let kernel: any KernelisedAttention
    /// [M, 3 H d] with a head of keys and values for each head of queries, and its gradient; empty where none are shared.
    let spread, spreadGradient: Buffer<Float>

    private var isShared: Bool { maps.shape.group > 1 }

    func forward(_ x: Matrix, _ kept: KeptAttention, into branch: Matrix, _ pass: AttentionPass) {
        maps.project(x, into: kept.qkv, pass)
        kernel.forward(
            qkv: ofEachHead(kept.qkv, pass), out: kept.attended, kept: kept.lse, batch: pass.batch, layer: pass.layer,
            on: pass.team)
        maps.join(kept.attended, into: branch, pass)
    }

    func backward(
        _ dbranch: Matrix, x: Matrix, _ kept: KeptAttention, _ scratch: AttentionScratch, dx: Matrix, _ pass: AttentionPass
    ) {
        maps.joinBackward(dbranch, attended: kept.attended, into: scratch.dattended, pass)
        kernel.backward(
            qkv: ofEachHead(kept.qkv, pass), out: kept.attended, kept: kept.lse, dout: scratch.dattended,
            dqkv: isShared ? spreadGradient : scratch.dqkv, delta: scratch.delta, batch: pass.batch, layer: pass.layer,
            on: pass.team)
        if isShared { sumOverGroups(into: scratch.dqkv, pass) }
        maps.projectBackward(scratch.dqkv, x: x, dx: dx, pass)
    }

    func advance(
        _ x: Matrix, at places: [CachePlace], _ cache: AttentionCache, _ row: AttentionRow, into branch: Matrix,
        _ pass: AttentionPass
    ) {
        maps.project(x, into: row.qkv, at: places, on: pass.team)
        kernel.advance(row, at: places, cache, maps.shape, layer: pass.layer, on: pass.team)
        maps.join(row.attended, into: branch, pass)
    }

    /// A kernel's state is made row by row, of queries, keys and values that are there.
    func fill(
        _ cache: AttentionCache, sequence: Int, from kept: KeptAttention, _ row: AttentionRow, _ pass: AttentionPass
    ) {
        let columns = maps.shape.columns
        for position in 0..<pass.batch.rows {
            row.qkv[0..<columns].copy(from: kept.qkv[(position * columns)..<((position + 1) * columns)])
            kernel.advance(
                row, at: [CachePlace(sequence: sequence, position: position)], cache, maps.shape, layer: pass.layer,
                on: pass.team)
        }
    }

    func bytes(sequences: Int, length: Int) -> Int {
        sequences * kernel.cacheCount(maps.shape, length: length) * MemoryLayout<Float>.stride
    }

    func flops(_ batch: MicroBatch) -> Int {
        maps.flops(rows: batch.rows) + batch.sequences * maps.shape.heads * kernel.flops(length: batch.length)
    }

    /// Each block of d elements in a row of `spread`, and the one that it copies in a row of queries, keys and values.
    private var copies: [(spread: Int, own: Int)] {
        let shape = maps.shape, d = shape.headWidth
        let shared = [shape.keys, shape.values].enumerated().flatMap { part, columns in
            (0..<shape.heads).map { head in
                ((1 + part) * shape.width + head * d,
                 shape.columns(of: columns, head: shape.keyValueHead(of: head)).lowerBound)
            }
        }
        return (0..<shape.heads).map { ($0 * d, $0 * d) } + shared
    }

    private func ofEachHead(_ qkv: Buffer<Float>, _ pass: AttentionPass) -> Buffer<Float> {
        guard isShared else { return qkv }
        let shape = maps.shape, copies = copies
        pass.team.split(pass.batch.rows, of: shape.columns) { rows in
            for row in rows {
                let from = qkv.pointer + row * shape.columns, to = spread.pointer + row * 3 * shape.width
                for copy in copies { (to + copy.spread).update(from: from + copy.own, count: shape.headWidth) }
            }
        }
        return spread
    }

    private func sumOverGroups(into dqkv: Buffer<Float>, _ pass: AttentionPass) {
        let shape = maps.shape, copies = copies, d = shape.headWidth
        pass.team.split(pass.batch.rows, of: shape.columns) { rows in
            for row in rows {
                let from = spreadGradient.pointer + row * 3 * shape.width, to = dqkv.pointer + row * shape.columns
                to.update(repeating: 0, count: shape.columns)
                for copy in copies {
                    for i in 0..<d { to[copy.own + i] += from[copy.spread + i] }
                }
            }
        }
    }
}
