// Parses and writes a protobuf message, for fuzzing its reader.

/// Fields in their order; bytes that parse as a message are one, down to some depth.
struct ProtobufTree {
    struct Field {
        var number: Int
        var value: Value
    }

    indirect enum Value {
        case varint(UInt64)
        case fixed(wireType: Int, [UInt8])
        case bytes([UInt8])
        case message(ProtobufTree)
    }

    var fields: [Field] = []

    /// Nil if the bytes aren't a message.
    init?(_ bytes: [UInt8], depth: Int) {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let tag = Self.varint(&rest), tag >> 3 > 0, tag >> 3 < 32 else { return nil }
            let value: Value
            switch tag & 7 {
            case 0:
                guard let number = Self.varint(&rest) else { return nil }
                value = .varint(number)
            case 1, 5:
                let size = tag & 7 == 1 ? 8 : 4
                guard rest.count >= size else { return nil }
                value = .fixed(wireType: Int(tag & 7), Array(rest.prefix(size)))
                rest = rest.dropFirst(size)
            case 2:
                guard let length = Self.varint(&rest), length <= UInt64(rest.count) else {
                    return nil
                }
                let content = Array(rest.prefix(Int(length)))
                rest = rest.dropFirst(Int(length))
                if depth > 0, content.count > 1, let inner = Self(content, depth: depth - 1) {
                    value = .message(inner)
                } else {
                    value = .bytes(content)
                }
            default: return nil
            }
            fields.append(Field(number: Int(tag >> 3), value: value))
        }
    }

    var bytes: [UInt8] {
        fields.flatMap { field -> [UInt8] in
            switch field.value {
            case .varint(let number): tag(field, 0) + Self.varint(number)
            case .fixed(let wireType, let content): tag(field, wireType) + content
            case .bytes(let content):
                tag(field, 2) + Self.varint(UInt64(content.count)) + content
            case .message(let inner):
                tag(field, 2) + Self.varint(UInt64(inner.bytes.count)) + inner.bytes
            }
        }
    }

    private func tag(_ field: Field, _ wireType: Int) -> [UInt8] {
        Self.varint(UInt64(field.number << 3 | wireType))
    }

    private static func varint(_ number: UInt64) -> [UInt8] {
        var (rest, bytes) = (number, [UInt8]())
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private static func varint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}
