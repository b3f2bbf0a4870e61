namespace AgentBudget.Architecture.Tests;

/// <summary>What a pure assembly may not name: time, chance, threads, files, network, the process around it.</summary>
internal static class Purity
{
    // A name ends with a dot where everything below it is meant.
    private static readonly string[] Banned =
    [
        "System.IO.",
        "System.Net.",
        "System.Threading.",
        "System.Timers.",
        "System.Diagnostics.",
        "System.Security.Cryptography.RandomNumberGenerator",
        "System.Runtime.CompilerServices.IAsyncStateMachine",
        "System.Runtime.CompilerServices.Async",
        "System.AppDomain",
        "System.Console",
        "System.DateTime.get_Now",
        "System.DateTime.get_UtcNow",
        "System.DateTime.get_Today",
        "System.DateTimeOffset.get_Now",
        "System.DateTimeOffset.get_UtcNow",
        "System.Environment",
        "System.GC.",
        "System.Globalization.CultureInfo.get_Current",
        "System.Guid.NewGuid",
        "System.Guid.CreateVersion7",
        "System.Random",
        "System.TimeProvider",
        "System.TimeZoneInfo.get_Local",
        "Microsoft.Extensions.",
    ];

    private static readonly string[] Allowed =
    [
        "System.Environment.get_CurrentManagedThreadId", // Compiled into every iterator; decides nothing.
        "System.IO.InvalidDataException",               // Bytes in memory that cannot be read.
        "System.IO.MemoryStream",
        "System.IO.BinaryReader",
        "System.IO.BinaryWriter",
        "System.IO.Stream.",                            // What a MemoryStream is called by.
        "System.Diagnostics.CodeAnalysis.",             // Attributes.
        "System.Diagnostics.Debug",                     // Attributes; the class Debug is banned by analyzer.
        "System.Diagnostics.UnreachableException",
    ];

    /// <summary>The members and types that break purity; empty for a pure assembly.</summary>
    public static IReadOnlyList<string> Violations(AssemblyFile assembly)
    {
        IEnumerable<string> typesThatAreBannedWhole = assembly.ReferencedTypes()
            .Where(type => type is not ("System.Environment" or "System.IO.Stream"));
        return [.. assembly.ReferencedMembers()
            .Concat(typesThatAreBannedWhole)
            .Where(name => Banned.Any(banned => name.StartsWith(banned, StringComparison.Ordinal)))
            .Where(name => !Allowed.Any(allowed => name.StartsWith(allowed, StringComparison.Ordinal)))
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)];
    }
}
