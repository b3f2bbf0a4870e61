using System.Text.RegularExpressions;

namespace AgentBudget.Silo.Tests.FieldCases;

/// <summary>
/// Cases that users of budgets and cost control reported of other products, and further shapes of each kind: one row a
/// case, named by its id. I02 is tried with a process's own clock too, in <see cref="ClockJumpTests"/>, and what other
/// price maps say with the command line that reads them.
/// </summary>
public sealed partial class FieldCaseTests(FieldSilo silo) : IClassFixture<FieldSilo>
{
    private const int ShapesOfAKind = 4; // The reported one, and three more.

    private static readonly Dictionary<string, FieldCase> Cases =
        ((IEnumerable<FieldCase>)
        [
            .. UsageCases.All, .. PriceCases.All, .. ModelCases.All, .. PeriodCases.All, .. CatalogCases.All,
            .. ReportCases.All,
        ])
        .ToDictionary(tried => tried.Id, StringComparer.Ordinal);

    public static TheoryData<string> Ids => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task A_reported_case_comes_to_the_right_answer(string id) =>
        Assert.Equal(Cases[id].Right, await silo.RunAsync(Cases[id]));

    [Fact]
    public void Every_kind_is_tried_in_at_least_four_shapes() => Assert.All(
        Cases.Keys.GroupBy(id => Kind().Match(id).Value, StringComparer.Ordinal),
        kind => Assert.True(kind.Count() >= ShapesOfAKind, $"{kind.Key} is tried {kind.Count()} times"));

    [GeneratedRegex("^[A-Z][0-9]+")]
    private static partial Regex Kind();
}
