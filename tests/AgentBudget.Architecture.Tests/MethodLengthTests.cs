using System.Reflection.Metadata;

namespace AgentBudget.Architecture.Tests;

/// <summary>A method fits on a screen. Measured in the symbols, from its first statement's line to its last.</summary>
public sealed class MethodLengthTests
{
    private const int MethodLinesMax = 70; // One screen.

    public static TheoryData<string> HandWritten =>
        [.. ProjectFile.Shipped.Select(project => project.Name).Where(name => name != "AgentBudget.Protocol")];

    [Theory]
    [MemberData(nameof(HandWritten))]
    public void A_method_has_at_most_70_lines(string name)
    {
        using AssemblyFile assembly = AssemblyFile.Open(name);
        Findings.AreNone(LongMethods(assembly, MethodLinesMax));
    }

    [Fact]
    public void The_check_sees_a_method_that_is_too_long()
    {
        using AssemblyFile assembly = AssemblyFile.Open("AgentBudget.Architecture.Tests");
        Assert.NotEmpty(LongMethods(assembly, linesMax: 5));
    }

    private static IEnumerable<string> LongMethods(AssemblyFile assembly, int linesMax)
    {
        foreach (MethodDefinitionHandle handle in assembly.Metadata.MethodDefinitions)
        {
            MethodDefinition method = assembly.Metadata.GetMethodDefinition(handle);
            string name = assembly.Metadata.GetString(method.Name);
            if (name is ".ctor" or ".cctor") continue; // Spans the type, with its fields' initial values.
            MethodDebugInformation symbols = assembly.Symbols.GetMethodDebugInformation(handle);
            if (symbols.Document.IsNil || IsGenerated(assembly, symbols.Document)) continue;
            SequencePoint[] points = [.. symbols.GetSequencePoints().Where(point => !point.IsHidden)];
            if (points.Length == 0) continue;
            int lines = points.Max(point => point.EndLine) - points.Min(point => point.StartLine) + 1;
            if (lines > linesMax) yield return $"{TypeOf(assembly, method)}.{name}: {lines} lines";
        }
    }

    private static bool IsGenerated(AssemblyFile assembly, DocumentHandle handle)
    {
        string path = assembly.Symbols.GetString(assembly.Symbols.GetDocument(handle).Name).Replace('\\', '/');
        return path.Contains("/obj/", StringComparison.Ordinal) || path.EndsWith(".g.cs", StringComparison.Ordinal);
    }

    private static string TypeOf(AssemblyFile assembly, MethodDefinition method) =>
        assembly.Metadata.GetString(assembly.Metadata.GetTypeDefinition(method.GetDeclaringType()).Name);
}
