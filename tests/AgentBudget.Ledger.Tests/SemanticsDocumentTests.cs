using System.Text.RegularExpressions;

namespace AgentBudget.Ledger.Tests;

/// <summary>
/// The tables of rules and of risks name tests that are there, of any project, and every row names one.
/// </summary>
public sealed partial class SemanticsDocumentTests
{
    private const string Document = "docs/internals/semantics.md";
    private const string SecurityDocument = "docs/security.md";

    [Fact]
    public void Every_test_that_a_table_names_is_there()
    {
        string[] named =
        [
            .. NamesIn(File.ReadAllText(PathOf(Document))), .. SecurityRows().SelectMany(NamesIn),
        ];
        string[] tests =
        [
            .. Directory.GetFiles(PathOf("tests"), "*.cs", SearchOption.AllDirectories)
                .SelectMany(file => TestsIn(File.ReadLines(file))),
        ];

        Assert.True(named.Length > 200, $"{Document} names {named.Length} tests");
        Assert.True(tests.Length > 800, $"{tests.Length} tests were found");
        Assert.Empty(named.Except(tests));
    }

    [Fact]
    public void Every_rule_of_the_table_names_a_test() =>
        Assert.DoesNotContain(File.ReadLines(PathOf(Document)), row => IsRule(row) && !NamesIn(row).Any());

    [Fact]
    public void Every_risk_every_kind_of_attack_and_every_bound_names_a_test()
    {
        Assert.Equal(10, SecurityRows().Count(row => row.StartsWith("| NHI", StringComparison.Ordinal)));
        Assert.Equal(15, SecurityRows().Count(row => char.IsAsciiDigit(row[2])));
        Assert.True(SecurityRows().Count() > 40);
        Assert.All(SecurityRows(), row => Assert.NotEmpty(NamesIn(row)));
    }

    [Fact]
    public void The_checks_see_what_they_look_for()
    {
        string[] source =
        [
            "    [Fact]", "    public void A_test_is_one()", "    {", "    }",
            "    public void A_method_without_the_word_is_none()",
            "    [Theory]", "    [InlineData(\"]\")]", "    public async Task A_theory_is_one(string text) => x;",
            "    // [Fact]", "    public void A_test_that_was_put_away_is_none()",
        ];
        Assert.Equal(["A_test_is_one", "A_theory_is_one"], TestsIn(source));
        Assert.Equal(["A_gone_test"], NamesIn("| a rule | `A_gone_test` and `final=false` |"));
        Assert.True(IsRule("| a rule | `A_test_is_one` |"));
        Assert.False(IsRule("| rule | test |"));
        Assert.False(IsRule("|---|---|"));
    }

    // Of its tables those whose last column names tests.
    private static IEnumerable<string> SecurityRows()
    {
        bool isOfTests = false;
        foreach (string line in File.ReadLines(PathOf(SecurityDocument)))
        {
            bool isHead = line.EndsWith("| the test that shows it |", StringComparison.Ordinal);
            isOfTests = isHead || (isOfTests && line.StartsWith('|'));
            if (isOfTests && !isHead && line.StartsWith("| ", StringComparison.Ordinal)) yield return line;
        }
    }

    private static bool IsRule(string line) =>
        line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| rule |", StringComparison.Ordinal);

    private static IEnumerable<string> NamesIn(string text) =>
        TestName().Matches(text).Select(match => match.Groups["name"].Value);

    // A method counts when the word stands right above it, with nothing but further attributes between.
    private static IEnumerable<string> TestsIn(IEnumerable<string> lines)
    {
        bool isTest = false;
        foreach (string line in lines.Select(line => line.Trim()))
        {
            isTest |= Mark().IsMatch(line);
            Match method = Method().Match(line);
            if (!method.Success) continue;
            if (isTest) yield return method.Groups["name"].Value;
            isTest = false;
        }
    }

    private static string PathOf(string path)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "AgentBudget.sln")))
            folder = folder.Parent;
        Assert.NotNull(folder);
        return Path.Combine(folder.FullName, path);
    }

    [GeneratedRegex(@"`(?<name>[A-Z][A-Za-z0-9]*_[A-Za-z0-9_]+)`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"^\[(Fact|Theory)\b")]
    private static partial Regex Mark();

    [GeneratedRegex(@"^public [^(]*?\b(?<name>[A-Za-z0-9_]+)\(")]
    private static partial Regex Method();
}
