import Kernels
import Model
import Testing

@Suite struct ParameterArenaTests {
    private static func configuration() throws -> ModelConfiguration {
        try ModelConfiguration(vocabularySize: 67, context: 40, width: 30, heads: 5, layers: 3)
    }

    @Test func namesAndShapesAreThoseOfHuggingFace() throws {
        let layout = ParameterLayout(try Self.configuration(), .whole(try Self.configuration()))
        let shapes = Dictionary(uniqueKeysWithValues: layout.parameters.map { ($0.name, $0.shape) })
        #expect(shapes.count == 2 + 3 * 12 + 2)
        #expect(shapes["transformer.wte.weight"] == [67, 30])
        #expect(shapes["transformer.wpe.weight"] == [40, 30])
        #expect(shapes["transformer.h.2.attn.c_attn.weight"] == [30, 90])
        #expect(shapes["transformer.h.0.attn.c_proj.weight"] == [30, 30])
        #expect(shapes["transformer.h.1.mlp.c_fc.weight"] == [30, 120])
        #expect(shapes["transformer.h.1.mlp.c_proj.weight"] == [120, 30])
        #expect(shapes["transformer.h.1.mlp.c_proj.bias"] == [30])
        #expect(shapes["transformer.ln_f.bias"] == [30])
        let elements = layout.parameters.reduce(0) { $0 + $1.range.count }
        #expect(try elements == Self.configuration().parameterCount)
    }

    @Test func parametersAreAlignedAndApart() throws {
        let layout = ParameterLayout(try Self.configuration(), .whole(try Self.configuration()))
        var end = 0
        for parameter in layout.parameters {
            #expect(parameter.range.lowerBound % 16 == 0 && parameter.range.lowerBound >= end)
            #expect(parameter.range.count == parameter.shape.reduce(1, *))
            #expect(layout[parameter.name] == parameter)
            end = parameter.range.upperBound
        }
        #expect(end <= layout.count)
        #expect(layout["transformer.h.3.ln_1.weight"] == nil)
        for layer in 0..<3 {
            let range = layout.range(ofLayer: layer)
            for parameter in layout.parameters {
                let isOwn = parameter.name.hasPrefix("transformer.h.\(layer).")
                #expect(range.overlaps(parameter.range) == isOwn)
            }
        }
        #expect(layout.range(ofLayer: 3).isEmpty)
    }

    @Test func initialWeightsHaveTheDeviationsOfGPT2() throws {
        let configuration = try ModelConfiguration(vocabularySize: 997, context: 64, width: 60, heads: 5, layers: 8)
        let arena = ParameterArena(ParameterLayout(configuration, .whole(configuration)))
        arena.initialize(seed: 1)
        for parameter in arena.layout.parameters {
            let values = arena.values[parameter.range].array.map(Double.init)
            if parameter.shape.count == 1 {
                let expected: Double = parameter.name.hasSuffix(".weight") ? 1 : 0
                #expect(values.allSatisfy { $0 == expected }, "\(parameter.name)")
            } else {
                let deviation = parameter.name.hasSuffix("c_proj.weight") ? 0.02 / 4 : 0.02
                let n = Double(values.count)
                let mean = values.reduce(0, +) / n
                let square = (values.reduce(0) { $0 + $1 * $1 } / n).squareRoot()
                #expect(abs(mean) < 5 * deviation / n.squareRoot(), "\(parameter.name)")
                #expect(abs(square / deviation - 1) < 5 / (2 * n).squareRoot(), "\(parameter.name)")
            }
        }
    }

    /// Initial weights are the same whatever the cut, and differ by name and seed.
    @Test func initialWeightsDoNotDependOnTheCut() throws {
        let configuration = try Self.configuration()
        let whole = ParameterArena(ParameterLayout(configuration, .whole(configuration)))
        whole.initialize(seed: 1)
        for placement in try StagePlacement.split(configuration, stages: 3) {
            let part = ParameterArena(ParameterLayout(configuration, placement))
            part.initialize(seed: 1)
            for parameter in part.layout.parameters {
                let same = try #require(whole.layout[parameter.name])
                #expect(part.values[parameter.range].array == whole.values[same.range].array, "\(parameter.name)")
            }
        }
        let other = ParameterArena(whole.layout)
        other.initialize(seed: 2)
        let matrices = whole.layout.parameters.filter { $0.shape.count > 1 }
        var seen = Set<Float>()
        for parameter in matrices {
            #expect(other.values[parameter.range].array != whole.values[parameter.range].array)
            #expect(seen.insert(whole.values[parameter.range.lowerBound]).inserted, "\(parameter.name) repeats another")
        }
    }
}
