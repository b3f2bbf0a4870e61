using System.Reflection;

namespace AgentBudget.Storage.Tests.Broken;

/// <summary>Each rule of the kit is broken on purpose once, and the kit finds it.</summary>
public sealed class BrokenStoreTests
{
    public static TheoryData<string> Rules => [.. BrokenRules.All.Select(rule => rule.Name)];

    public static TheoryData<string> Cases => [.. CaseNames];

    private static IEnumerable<string> CaseNames => typeof(StoreConformanceTests)
        .GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
        .Where(method => method.GetCustomAttribute<FactAttribute>() is not null)
        .Select(method => method.Name)
        .Order(StringComparer.Ordinal);

    [Theory]
    [MemberData(nameof(Rules))]
    public async Task A_store_that_breaks_a_rule_fails_every_case_of_the_rule(string name)
    {
        BrokenRule rule = BrokenRules.All.Single(rule => rule.Name == name);
        List<string> unnoticed = [];
        foreach (string found in rule.FoundBy)
        {
            if (await BrokenKit.RunAsync(rule.Make(), found) is null) unnoticed.Add(found);
        }

        Assert.NotEmpty(rule.FoundBy);
        Assert.Empty(unnoticed);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task The_same_store_unbroken_passes_every_case(string name)
    {
        Exception? found = await BrokenKit.RunAsync(new BrokenStore(), name);
        Assert.True(found is null, $"{found}");
    }

    [Fact]
    public void Every_case_of_the_kit_fails_for_some_broken_store() =>
        Assert.Empty(CaseNames.Except(BrokenRules.All.SelectMany(rule => rule.FoundBy)));

    [Fact]
    public void Every_case_that_is_to_fail_is_in_the_kit() =>
        Assert.Empty(BrokenRules.All.SelectMany(rule => rule.FoundBy).Except(CaseNames));

    [Fact]
    public void The_kit_has_at_least_60_cases() => Assert.True(CaseNames.Count() >= 60, $"{CaseNames.Count()} cases");

    [Fact]
    public void The_page_about_storage_lists_every_broken_store()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "AgentBudget.sln")))
            folder = folder.Parent;
        string page = File.ReadAllText(Path.Combine(folder!.FullName, "docs", "internals", "storage.md"));
        Assert.All(BrokenRules.All, rule => Assert.Contains($"| {rule.Name} |", page, StringComparison.Ordinal));
    }
}
