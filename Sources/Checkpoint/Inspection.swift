import Foundation
import HDF5
import Kernels

/// Checks that a file holds what its manifest says and nothing else, before anything in it is used.
enum Inspection {
    /// The manifest of `file`, checked against its digest and the root attributes.
    static func manifest(of file: borrowing HDF5File, fileLength: Int) throws(CheckpointError) -> Manifest {
        let path = file.place.file
        let json = try manifestText(of: file, fileLength: fileLength)
        let format, step, digest: AttributeValue?
        do {
            let root = file.place.at("/")
            format = try Attribute.read(Manifest.Attribute.format, of: file.id, root)
            step = try Attribute.read(Manifest.Attribute.step, of: file.id, root)
            digest = try Attribute.read(Manifest.Attribute.digest, of: file.id, root)
        } catch {
            throw .hdf5(error)
        }
        guard digest == .text(Manifest.digest(of: json)) else {
            throw .damaged(path: path, reason: "its manifest does not match its checksum")
        }
        let manifest: Manifest
        do {
            manifest = try JSONDecoder().decode(Manifest.self, from: Data(json))
        } catch {
            throw .malformed(path: path, object: Manifest.dataset, reason: oneLine(error))
        }
        guard format == .integer(Int64(manifest.format)), manifest.format == Manifest.currentFormat,
            step == .integer(Int64(manifest.step)), manifest.step >= 0
        else {
            throw .malformed(path: path, object: "/", reason: "its attributes and its manifest disagree")
        }
        try checkDescriptions(in: manifest, path: path, fileLength: fileLength)
        return manifest
    }

    private static func manifestText(
        of file: borrowing HDF5File, fileLength: Int
    ) throws(CheckpointError) -> [UInt8] {
        let path = file.place.file
        let objects = try objects(of: "/", in: file)
        guard objects.contains(where: { $0.name == Manifest.dataset && $0.object == .dataset }) else {
            throw .missing(path: path, name: Manifest.dataset)
        }
        do {
            let dataset = try Dataset(opening: Manifest.dataset, in: file)
            let type = try dataset.datatype()
            if try type.elementType() == .text, type.size <= fileLength, try dataset.foreignStorage() == nil,
                try dataset.dataspace().extents() == []
            {
                let json = Buffer<UInt8>(uninitialized: type.size)
                try json.withBytes { bytes throws(HDF5Error) in
                    try dataset.read(into: bytes, rows: 0..<1, shape: [], type: type)
                }
                return json.array
            }
        } catch {
            throw .hdf5(error)
        }
        throw .malformed(path: path, object: Manifest.dataset, reason: "it is not a text")
    }

    private static func checkDescriptions(
        in manifest: Manifest, path: String, fileLength: Int
    ) throws(CheckpointError) {
        var names: Set<String> = [Manifest.dataset]
        for description in manifest.datasets {
            if let fault = description.nameFault ?? description.shapeFault {
                throw .malformed(path: path, object: description.name, reason: fault)
            }
            guard description.byteCount <= fileLength else {
                throw .malformed(
                    path: path, object: description.name, reason: "shape \(description.shape) exceeds the file")
            }
            guard names.insert(description.name).inserted else {
                throw .malformed(path: path, object: description.name, reason: "it is listed twice")
            }
        }
    }

    /// Walks all of `file`: each link a hard one, each object listed, each listed object there and as listed.
    static func verify(_ file: borrowing HDF5File, against manifest: Manifest) throws(CheckpointError) {
        let path = file.place.file
        var datasets = Dictionary(uniqueKeysWithValues: manifest.datasets.map { ($0.name, $0) })
        var groups = parents(of: datasets.keys)
        var pending = ["/"]
        while let group = pending.popLast() {
            for (name, object) in try objects(of: group, in: file) where name != Manifest.dataset {
                if object == .group, groups.remove(name) != nil {
                    pending.append(name)
                } else if object == .dataset, let description = datasets.removeValue(forKey: name) {
                    if let fault = try fault(of: description, in: file) {
                        throw .malformed(path: path, object: name, reason: fault)
                    }
                } else {
                    throw .malformed(path: path, object: name, reason: "it is not in the manifest")
                }
            }
        }
        if let name = datasets.keys.min() { throw .missing(path: path, name: name) }
    }

    private static func parents(of names: some Sequence<String>) -> Set<String> {
        var parents: Set<String> = []
        for name in names {
            var parts = name.split(separator: "/").dropLast()
            while !parts.isEmpty {
                parents.insert("/" + parts.joined(separator: "/"))
                parts.removeLast()
            }
        }
        return parents
    }

    /// What `group` holds, by full names.
    private static func objects(
        of group: String, in file: borrowing HDF5File
    ) throws(CheckpointError) -> [(name: String, object: LinkedObject)] {
        let prefix = group == "/" ? "/" : group + "/"
        var objects: [(name: String, object: LinkedObject)] = []
        do {
            let handle = try Group(opening: group, in: file)
            for link in try handle.links() {
                objects.append((prefix + link.name, link.isHard ? try handle.object(link.name) : .elsewhere))
            }
        } catch {
            throw .hdf5(error)
        }
        if let outward = objects.first(where: { $0.object == .elsewhere }) {
            throw .malformed(path: file.place.file, object: outward.name, reason: "it is a link to elsewhere")
        }
        return objects
    }

    /// How the stored dataset differs from `description`; nil if it does not.
    private static func fault(
        of description: DatasetDescription, in file: borrowing HDF5File
    ) throws(CheckpointError) -> String? {
        do {
            let dataset = try Dataset(opening: description.name, in: file)
            if let reason = try dataset.foreignStorage() { return reason }
            let type = try dataset.datatype()
            guard try type.elementType() == description.type,
                description.type != .text || type.size == max(description.byteCount, 1),
                try dataset.dataspace().extents() == description.storedShape.map({ UInt64($0) })
            else { return "it is not the \(description.kind) of the manifest" }
            return nil
        } catch {
            throw .hdf5(error)
        }
    }
}
