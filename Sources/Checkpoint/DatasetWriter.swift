import Files
import HDF5
import Kernels

/// One dataset being written, in the hands of whoever began it; the `CheckpointWriter` takes rows for it.
public struct DatasetWriter<Element: BitwiseCopyable>: ~Copyable {
    /// The dataset so far; its checksum is empty until it is finished.
    public private(set) var description: DatasetDescription
    private let dataset: Dataset
    private let type: Datatype
    private var rowsWritten = 0
    private var hash = XXH64()

    init(creating description: DatasetDescription, in file: borrowing HDF5File) throws(HDF5Error) {
        let dataset = try Dataset(
            creating: description.name, of: description.type, shape: description.storedShape, length: description.byteCount,
            chunk: description.isExtendible ? description.chunk : nil, in: file)
        let type = try Datatype.of(description.type, length: description.byteCount, dataset.place)
        if !description.axes.isEmpty {
            try Attribute.write("axes", texts: description.axes, to: dataset.id, dataset.place)
        }
        if !description.units.isEmpty {
            try Attribute.write("units", .text(description.units), to: dataset.id, dataset.place)
        }
        self.description = description
        self.dataset = dataset
        self.type = type
    }

    /// The file it is in.
    var path: String { dataset.place.file }

    /// Why `count` further elements would be wrong; nil if they are welcome.
    func fault(appending count: Int) -> String? {
        let rowSize = description.rowSize
        guard rowSize > 0 ? count % rowSize == 0 : count == 0 else {
            return "\(count) elements are not whole rows of \(rowSize)"
        }
        guard rowSize > 0, !description.isExtendible else { return nil }
        let rows = rowsWritten + count / rowSize
        return rows <= description.rowCount ? nil : "\(rows) rows written where it has \(description.rowCount)"
    }

    /// Why it cannot be finished yet; nil if it can.
    var faultIfFinished: String? {
        guard !description.isExtendible, description.count > 0, rowsWritten != description.rowCount else { return nil }
        return "\(rowsWritten) rows written where it has \(description.rowCount)"
    }

    mutating func append(_ elements: Buffer<Element>) throws(HDF5Error) {
        guard elements.count > 0 else { return }
        let rows = rowsWritten..<rowsWritten + elements.count / description.rowSize
        if description.isExtendible {
            description.shape[0] = rows.upperBound
            try dataset.extend(toShape: description.shape)
        }
        try elements.withBytes { bytes throws(HDF5Error) in
            let bytes = UnsafeRawBufferPointer(bytes)
            hash.update(bytes)
            try dataset.write(bytes, rows: rows, shape: description.storedShape, type: type)
        }
        rowsWritten = rows.upperBound
    }

    consuming func finish() throws(HDF5Error) -> DatasetDescription {
        var description = description
        description.checksum = hash.digest.hexadecimal
        try dataset.close()
        return description
    }
}
