import Corpus
import Kernels
import Testing

@Suite struct OverlappingWindowsTests {
    @Test func everyTokenButTheFirstIsPredictedOnceInOrder() throws {
        for tokens in 2...40 {
            for context in 1...12 {
                for stride in 1...context {
                    let windows = try EvaluationWindows(tokens: tokens, context: context, stride: stride)
                    let predicted = (0..<windows.count).map { windows.predicted(by: $0) }
                    #expect(predicted.flatMap { Array($0) } == Array(1..<tokens))
                    for (i, own) in predicted.enumerated() {
                        let inputs = windows.inputs(of: i)
                        #expect(!own.isEmpty && inputs.count <= context && own.upperBound == inputs.upperBound + 1)
                        #expect(own.count <= (i == 0 ? context : stride) && own.lowerBound > inputs.lowerBound)
                        let rows = windows.predictingRows(of: i)
                        #expect(rows.count == own.count && rows.upperBound == inputs.count)
                    }
                }
            }
        }
    }

    @Test func theyDoNotOverlapUnlessAsked() throws {
        for tokens in 2...40 {
            let windows = try EvaluationWindows(tokens: tokens, context: 7, stride: 7)
            let plain = try EvaluationWindows(tokens: tokens, context: 7)
            #expect(windows.count == plain.count && windows.targets == plain.targets && plain.count == (tokens + 5) / 7)
            for i in 0..<windows.count {
                #expect(windows.inputs(of: i) == plain.inputs(of: i))
                #expect(plain.inputs(of: i) == i * 7..<min((i + 1) * 7, tokens - 1))
            }
        }
    }

    /// A slice of tokens in memory: padded behind, and silent where another window predicts.
    @Test func aWindowPredictsItsOwnTokensAlone() {
        let tokens = Tokens(Buffer((0..<20).map { Int32(100 + $0) }))[5..<15]
        let inputs = Buffer<Int32>(count: 6, repeating: -7), targets = Buffer<Int32>(count: 6, repeating: -7)
        #expect(tokens.count == 10 && tokens.array == (105..<115).map { Int32($0) })
        tokens.readWindow(4..<9, predicting: 7..<10, inputs: inputs, targets: targets)
        #expect(inputs.array == [109, 110, 111, 112, 113, 0])
        #expect(targets.array == [-1, -1, 112, 113, 114, -1])
    }
}
