import Exchange
import Foundation
import Kernels
import TestSupport
import Testing

let testsFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

/// A file in Golden/.
func golden(_ name: String) -> String { testsFolder.appendingPathComponent("Golden/\(name)").path }

/// The bytes of a file with this header, and `data` bytes behind it.
func safetensors(_ header: String, data: Int = 0, padding: String = "") -> Data {
    let json = Data((header + padding).utf8)
    return lengthField(UInt64(json.count)) + json + Data(repeating: 0, count: data)
}

func lengthField(_ length: UInt64) -> Data { Data((0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }) }

func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

/// What a call refused; one line that begins with `path`.
func refusal(
    of path: String, sourceLocation: SourceLocation = #_sourceLocation, _ call: () throws -> Void
) -> String {
    let error = #expect(throws: ExchangeError.self, sourceLocation: sourceLocation) { try call() }
    let line = error.map { "\($0)" } ?? ""
    #expect(line.hasPrefix("\(path): "), sourceLocation: sourceLocation)
    #expect(isOneLine(line), "\(line.debugDescription)", sourceLocation: sourceLocation)
    return String(line.dropFirst(path.count + 2))
}

/// Without anything that leaves the line or commands a terminal.
func isOneLine(_ text: String) -> Bool {
    !text.unicodeScalars.contains {
        switch $0.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}

extension SafetensorsFile {
    /// A tensor's elements, by its own shape.
    func values(_ name: String) throws -> Buffer<Float> {
        let tensor = try #require(self.tensor(name))
        let values = Buffer<Float>(count: tensor.count, repeating: -77)
        try read(name, shape: tensor.shape, into: values)
        return values
    }
}

/// What another reader saw in a tensor; `bits` are those of its elements in float32.
struct SeenTensor: Decodable {
    let type: String
    let shape: [Int]
    let bits: [UInt32]?
}
