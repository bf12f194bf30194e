import Corpus
import Testing
import Toolbox

@Suite struct StridedWindowsTests {
    @Test func everyTokenButTheFirstIsPredictedOnceInOrder() throws {
        for tokens in 2...40 {
            for context in 1...12 {
                for stride in 1...context {
                    let windows = try StridedWindows(tokens: tokens, context: context, stride: stride)
                    let predicted = (0..<windows.count).map { windows.predicted(by: $0) }
                    #expect(predicted.flatMap { Array($0) } == Array(1..<tokens))
                    for (i, own) in predicted.enumerated() {
                        let inputs = windows.inputs(of: i)
                        #expect(!own.isEmpty && inputs.count <= context && own.upperBound == inputs.upperBound + 1)
                        #expect(own.count <= (i == 0 ? context : stride) && own.lowerBound > inputs.lowerBound)
                    }
                }
            }
        }
    }

    @Test func withAStrideOfOneContextTheyAreEvaluationWindows() throws {
        for tokens in 2...40 {
            let windows = try StridedWindows(tokens: tokens, context: 7, stride: 7)
            let plain = try EvaluationWindows(tokens: tokens, context: 7)
            #expect(windows.count == plain.count && windows.targets == plain.targets)
            for i in 0..<windows.count { #expect(windows.inputs(of: i) == plain.range(of: i).dropLast()) }
        }
    }
}
