/// A function with its arguments that runs once in each worker of a process pool, before its first task: the pool's `initializer`.
///
/// A worker that takes the place of another one runs it again, whatever the other one ended of.
///
/// ```swift
/// func openDatabase(_ path: String) throws { database = try Database(path) }
///
/// try await withProcessPool(initializer: .call(openDatabase, "orders.db")) { pool in … }
/// ```
///
/// As with tasks, the function must not capture a value: what it needs is passed as arguments.
public struct StartupCall: Sendable {
    let body: any TaskBody<Void>
    let options: TaskOptions

    /// A call of a function.
    ///
    /// - Parameters:
    ///   - function: what to run; what it returns is dropped. It must not capture a value.
    ///   - arguments: what to call it with. They are encoded once, when the pool is made.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    public static func call<each Argument: Codable & Sendable, Result>(
        _ function: @escaping @Sendable (repeat each Argument) throws -> Result,
        _ arguments: repeat each Argument,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> StartupCall {
        let call = SingleCall(function: StartupFunction(function: function), arguments: (repeat each arguments))
        return StartupCall(body: call, options: TaskOptions(file: file, line: line))
    }

    /// A call of an `async` function.
    ///
    /// - Parameters:
    ///   - function: what to run; what it returns is dropped. It must not capture a value.
    ///   - arguments: what to call it with. They are encoded once, when the pool is made.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    public static func call<each Argument: Codable & Sendable, Result>(
        _ function: @escaping @Sendable (repeat each Argument) async throws -> Result,
        _ arguments: repeat each Argument,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> StartupCall {
        let call = SingleCall(function: AsyncStartupFunction(function: function), arguments: (repeat each arguments))
        return StartupCall(body: call, options: TaskOptions(file: file, line: line))
    }
}

/// A function with its arguments that runs once in the fork server of a process pool, before it forks a worker: the pool's `preload`.
///
/// What it leaves in memory all workers share, page by page until one of them writes to it. Large flat buffers stay shared; objects do
/// not, because the counting of references writes to them.
///
/// ```swift
/// func loadModel(_ path: String) throws { model = try Model(mapping: path) }
///
/// try await withProcessPool(preload: .call(loadModel, "words.bin")) { pool in … }
/// ```
///
/// It cannot be `async`, and must leave no thread behind: a process with threads cannot be forked safely. What it leaves must be memory: workers have none
/// of the descriptors that it opened, and processes that it started are ended when the first worker ends.
/// Signals mean what they usually do again.
///
/// If a fork server is lost, the function runs again in the one that takes its place, with the same arguments: what it changes outside of its process
/// should bear being done twice.
public struct PreloadCall: Sendable {
    let body: any TaskBody<Void>
    let options: TaskOptions

    /// A call of a function.
    ///
    /// - Parameters:
    ///   - function: what to run; what it returns is dropped. It must not capture a value.
    ///   - arguments: what to call it with. They are encoded once, when the pool is made.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    public static func call<each Argument: Codable & Sendable, Result>(
        _ function: @escaping @Sendable (repeat each Argument) throws -> Result,
        _ arguments: repeat each Argument,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> PreloadCall {
        let call = SingleCall(function: StartupFunction(function: function), arguments: (repeat each arguments))
        return PreloadCall(body: call, options: TaskOptions(file: file, line: line))
    }
}
