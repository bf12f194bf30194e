import Model

extension Reference {
    /// A whole GPT-2 (Radford et al. 2019): parameters by Hugging Face name, loss and gradients for one micro-batch.
    struct Model {
        let configuration: ModelConfiguration
        var parameters: [String: [Double]]
        let tokens: [Int32]
        let targets: [Int32]
        let length: Int
        let samples: [UInt64]
        var dropout: Dropout?
        var lowRank: LowRank?

        private var width: Int { configuration.width }

        private subscript(layer: Int, name: String) -> [Double] { self["h.\(layer).\(name)"] }
        private subscript(name: String) -> [Double] { parameters["transformer." + name]! }

        private func dropped(_ x: [Double], _ site: DropoutSite, _ layer: Int) -> [Double] {
            dropout?.apply(to: x, site, layer: layer, length: length, samples: samples) ?? x
        }

        private func attention(_ layer: Int) -> Attention {
            var attention = Attention(
                sequences: samples.count, length: length, heads: configuration.heads,
                headWidth: configuration.headWidth)
            if let dropout {
                attention.factor = { b, h, i, j in
                    dropout.factor(.attention, layer: layer, head: h, sample: samples[b], row: i, column: j)
                }
            }
            return attention
        }

        /// What a layer's backward pass needs of its forward pass.
        private struct Saved {
            var input: [Double] = [], norm1: [Double] = [], qkv: [Double] = [], attended: [Double] = []
            var middle: [Double] = [], norm2: [Double] = [], hidden: [Double] = []
        }

        private func forward(_ x: [Double], _ layer: Int) -> (output: [Double], saved: Saved) {
            var s = Saved(input: x)
            s.norm1 = layerNorm(x, gamma: self[layer, "ln_1.weight"], beta: self[layer, "ln_1.bias"])
            s.qkv = linear(s.norm1, weight: self[layer, "attn.c_attn.weight"], bias: self[layer, "attn.c_attn.bias"])
            s.qkv = lowRank?.mapQueries(s.qkv, layer, length: length) ?? s.qkv
            s.attended = attention(layer).forward(s.qkv).out
            s.attended = lowRank?.mapOutputs(s.attended, layer, length: length) ?? s.attended
            let projected = linear(
                s.attended, weight: self[layer, "attn.c_proj.weight"], bias: self[layer, "attn.c_proj.bias"])
            s.middle = x + dropped(projected, .attentionProjection, layer)
            s.norm2 = layerNorm(s.middle, gamma: self[layer, "ln_2.weight"], beta: self[layer, "ln_2.bias"])
            s.hidden = linear(s.norm2, weight: self[layer, "mlp.c_fc.weight"], bias: self[layer, "mlp.c_fc.bias"])
            let lowered = linear(
                s.hidden.map(gelu), weight: self[layer, "mlp.c_proj.weight"], bias: self[layer, "mlp.c_proj.bias"])
            return (s.middle + dropped(lowered, .feedForwardProjection, layer), s)
        }

        /// - Returns: the gradients of the layer's input and of its heads' outputs.
        private func backward(
            _ dx: [Double], _ s: Saved, _ layer: Int, _ gradients: inout [String: [Double]]
        ) -> (dx: [Double], dattended: [Double]) {
            func give(_ name: String, _ gradient: [Double]) { gradients["transformer.h.\(layer).\(name)"] = gradient }
            let d = width
            let lowered = linearBackward(
                dy: dropped(dx, .feedForwardProjection, layer), x: s.hidden.map(gelu),
                weight: self[layer, "mlp.c_proj.weight"], out: d)
            give("mlp.c_proj.weight", lowered.dweight)
            give("mlp.c_proj.bias", lowered.dbias)
            let raised = linearBackward(
                dy: zip(lowered.dx, s.hidden).map { $0.0 * geluSlope($0.1) }, x: s.norm2,
                weight: self[layer, "mlp.c_fc.weight"], out: 4 * d)
            give("mlp.c_fc.weight", raised.dweight)
            give("mlp.c_fc.bias", raised.dbias)
            let norm2 = layerNormBackward(dy: raised.dx, x: s.middle, gamma: self[layer, "ln_2.weight"])
            give("ln_2.weight", norm2.dgamma)
            give("ln_2.bias", norm2.dbeta)
            let dmiddle = dx + norm2.dx

            let projected = linearBackward(
                dy: dropped(dmiddle, .attentionProjection, layer), x: s.attended,
                weight: self[layer, "attn.c_proj.weight"], out: d)
            give("attn.c_proj.weight", projected.dweight)
            give("attn.c_proj.bias", projected.dbias)
            // The output's map is symmetric.
            let dout = lowRank?.mapOutputs(projected.dx, layer, length: length) ?? projected.dx
            let dqkv = attention(layer).backward(dout: dout, qkv: s.qkv)
            let queries = linearBackward(
                dy: lowRank?.mapQueries(dqkv, layer, length: length, transposed: true) ?? dqkv, x: s.norm1,
                weight: self[layer, "attn.c_attn.weight"], out: 3 * d)
            give("attn.c_attn.weight", queries.dweight)
            give("attn.c_attn.bias", queries.dbias)
            let norm1 = layerNormBackward(dy: queries.dx, x: s.input, gamma: self[layer, "ln_1.weight"])
            give("ln_1.weight", norm1.dgamma)
            give("ln_1.bias", norm1.dbeta)
            return (dmiddle + norm1.dx, projected.dx)
        }

        /// Queries, keys and values, [B L, 3 D], heads' outputs and their gradient, [B L, D].
        struct ObservedAttention {
            let qkv, outputs, outputGradients: [Double]
        }

        /// What one pass gives.
        struct Pass {
            /// [B L, V].
            let logits: [Double]
            /// Of each row, in nats.
            let losses: [Double]
            /// Of the sum of the losses, by name.
            let gradients: [String: [Double]]
            /// Of each layer.
            let attention: [ObservedAttention]
            var loss: Double { losses.reduce(0, +) }
        }

        /// Σ negative log-likelihood alone.
        var loss: Double { forward().losses.reduce(0, +) }

        private func forward() -> (
            saved: [Saved], last: [Double], normed: [Double], logits: [Double], losses: [Double], dlogits: [Double]
        ) {
            var x = embedding(
                tokens: tokens, length: length, tokenTable: self["wte.weight"], positionTable: self["wpe.weight"],
                width: width)
            x = dropped(x, .embedding, 0)
            var saved: [Saved] = []
            for layer in 0..<configuration.layers {
                let step = forward(x, layer)
                x = step.output
                saved.append(step.saved)
            }
            let normed = layerNorm(x, gamma: self["ln_f.weight"], beta: self["ln_f.bias"])
            let logits = tiedLogits(normed, embedding: self["wte.weight"], width: width)
            let (losses, dlogits) = crossEntropy(logits, targets: targets)
            return (saved, x, normed, logits, losses, dlogits)
        }

        func pass() -> Pass {
            let f = forward()
            var gradients: [String: [Double]] = [:]
            let head = tiedLogitsBackward(
                dlogits: f.dlogits, x: f.normed, embedding: self["wte.weight"], width: width)
            let norm = layerNormBackward(dy: head.dx, x: f.last, gamma: self["ln_f.weight"])
            gradients["transformer.ln_f.weight"] = norm.dgamma
            gradients["transformer.ln_f.bias"] = norm.dbeta
            var dx = norm.dx, attention: [ObservedAttention] = []
            for layer in (0..<configuration.layers).reversed() {
                let saved = f.saved[layer], own = backward(dx, saved, layer, &gradients)
                attention.insert(
                    ObservedAttention(qkv: saved.qkv, outputs: saved.attended, outputGradients: own.dattended), at: 0)
                dx = own.dx
            }
            let tables = embeddingBackward(
                dx: dropped(dx, .embedding, 0), tokens: tokens, length: length, tokenTable: self["wte.weight"],
                positionTable: self["wpe.weight"], width: width)
            gradients["transformer.wte.weight"] = head.dembedding + tables.dtokens
            gradients["transformer.wpe.weight"] = tables.dpositions
            return Pass(logits: f.logits, losses: f.losses, gradients: gradients, attention: attention)
        }
    }
}
