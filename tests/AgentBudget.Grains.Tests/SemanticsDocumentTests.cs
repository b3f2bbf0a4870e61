using System.Reflection;
using System.Text.RegularExpressions;

namespace AgentBudget.Grains.Tests;

/// <summary>The table of rules names tests that are there.</summary>
public sealed partial class SemanticsDocumentTests
{
    private const string Document = "docs/internals/semantics.md";

    [Fact]
    public void Every_test_that_the_table_of_rules_names_is_there()
    {
        string[] named = [.. TestName().Matches(Read()).Select(match => match.Groups["name"].Value)];
        IEnumerable<string> tests = typeof(SemanticsDocumentTests).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance))
            .Where(method => method.GetCustomAttribute<FactAttribute>() is not null)
            .Select(method => method.Name);

        Assert.True(named.Length > 100, $"{Document} names {named.Length} tests");
        Assert.Empty(named.Except(tests));
    }

    private static string Read()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "AgentBudget.sln")))
            folder = folder.Parent;
        Assert.NotNull(folder);
        return File.ReadAllText(Path.Combine(folder.FullName, Document));
    }

    [GeneratedRegex(@"`(?<name>[A-Z][A-Za-z0-9]*_[A-Za-z0-9_]+)`")]
    private static partial Regex TestName();
}
