import Foundation

extension Reference {
    /// silu(gate) · up over rows of a gate and an up of `width` columns each; silu(g) = g / (1 + e⁻ᵍ).
    static func swiGLU(_ hidden: [Double], width: Int) -> [Double] {
        (0..<(hidden.count / 2)).map { i in
            let gate = i / width * 2 * width + i % width
            return hidden[gate] / (1 + exp(-hidden[gate])) * hidden[gate + width]
        }
    }

    static func swiGLUBackward(dy: [Double], hidden: [Double], width: Int) -> [Double] {
        var dhidden = hidden
        for i in dy.indices {
            let gate = i / width * 2 * width + i % width
            let g = hidden[gate], s = 1 / (1 + exp(-g))
            dhidden[gate] = dy[i] * hidden[gate + width] * (s + g * s * (1 - s))
            dhidden[gate + width] = dy[i] * g * s
        }
        return dhidden
    }
}
