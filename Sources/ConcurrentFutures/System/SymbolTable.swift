import CSystemShims
import Glibc

/// Names of functions, for error messages: from the dynamic symbols, else from the symbol table in the image's file.
enum SymbolTable {
    /// The readable name of the function at `address`, or nil where the image was stripped. Reads a file: slow.
    static func functionName(at address: UInt, in image: LoadedImage) -> String? {
        guard let symbol = dynamicSymbol(at: address) ?? fileSymbol(at: address - image.base, path: image.path) else {
            return nil
        }
        guard let demangled = cshim_swift_demangle(symbol, symbol.utf8.count) else { return symbol }
        defer { free(demangled) }
        return String(cString: demangled)
    }

    private static func dynamicSymbol(at address: UInt) -> String? {
        var start: UInt = 0
        guard let name = cshim_dynamic_symbol(address, &start),
            // Otherwise it is only the nearest exported neighbour.
            start == address
        else { return nil }
        return String(cString: name)
    }

    private static func fileSymbol(at fileAddress: UInt, path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size > 0 else { return nil }
        let size = Int(status.st_size)
        guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            return nil
        }
        defer { munmap(start, size) }
        return functionName(at: UInt64(fileAddress), in: UnsafeRawBufferPointer(start: start, count: size))
    }

    private static func functionName(at fileAddress: UInt64, in file: UnsafeRawBufferPointer) -> String? {
        guard let header = record(Elf64_Ehdr.self, at: 0, in: file) else { return nil }
        func section(_ index: Int) -> Elf64_Shdr? {
            record(Elf64_Shdr.self, at: header.e_shoff &+ UInt64(index) * UInt64(header.e_shentsize), in: file)
        }
        for index in 0..<Int(header.e_shnum) {
            guard let table = section(index), table.sh_type == UInt32(SHT_SYMTAB),
                let names = section(Int(table.sh_link))
            else { continue }
            let stride = UInt64(MemoryLayout<Elf64_Sym>.size)
            for entry in 0..<(table.sh_size / stride) {
                guard let symbol = record(Elf64_Sym.self, at: table.sh_offset &+ entry * stride, in: file) else {
                    break
                }
                if Int32(symbol.st_info & 0xf) == STT_FUNC, symbol.st_value == fileAddress {
                    return text(at: names.sh_offset &+ UInt64(symbol.st_name), in: file)
                }
            }
        }
        return nil
    }

    private static func record<Record: BitwiseCopyable>(
        _: Record.Type,
        at offset: UInt64,
        in file: UnsafeRawBufferPointer
    ) -> Record? {
        guard let offset = Int(exactly: offset), offset <= file.count - MemoryLayout<Record>.size else { return nil }
        return file.loadUnaligned(fromByteOffset: offset, as: Record.self)
    }

    private static func text(at offset: UInt64, in file: UnsafeRawBufferPointer) -> String? {
        guard let offset = Int(exactly: offset), offset < file.count else { return nil }
        return String(decoding: file[offset...].prefix { $0 != 0 }, as: UTF8.self)
    }
}
