using System.Collections.Concurrent;
using System.Globalization;
using Grpc.Core;

namespace AgentBudget.Silo.Tests.Authority;

/// <summary>What was answered to every caller about everything, against the table of rules.</summary>
/// <param name="name">By what it was asked: the end of the name of the file that says how many there were.</param>
internal sealed class Matrix(string name)
{
    /// <summary>What a role that may not call is told.</summary>
    public const string Forbidden = "This credential may not do that.";

    private readonly ConcurrentQueue<Cell> _cells = [];

    // What the rules, whole or less one, expect; what was answered, and to the same question about nothing.
    private sealed record Cell(string What, Func<Sight, Expected> Rule, Told Answer, Told Absent)
    {
        public bool IsAs(Sight sight) => Rule(sight) switch
        {
            Expected.Unauthenticated => Answer.Code == StatusCode.Unauthenticated && Answer == Absent,
            Expected.Forbidden => Answer.Sentence == Forbidden && Answer == Absent,
            Expected.Absent => Answer == Absent,
            Expected.There => Answer != Absent && Answer.Sentence != Forbidden,
            Expected.Unasked => true,
        };
    }

    /// <summary>Adds an answer.</summary>
    public void Add(string what, Func<Sight, Expected> rule, Told answer, Told absent) =>
        _cells.Enqueue(new Cell(what, rule, answer, absent));

    /// <summary>How many the rules expect so.</summary>
    public int Count(Expected expected) => _cells.Count(cell => cell.Rule(Sight.Whole) == expected);

    /// <summary>Every answer is as the rules have it, there are so many at least, and a file says how many.</summary>
    public void AssertNoDifference(int atLeast)
    {
        string[] differences =
        [
            .. _cells.Where(cell => !cell.IsAs(Sight.Whole))
                .Select(cell => $"{cell.What}: {cell.Rule(Sight.Whole)}, not {cell.Answer}"),
        ];
        string kinds = string.Join(
            ", ", Enum.GetValues<Expected>().Select(expected => $"{Count(expected)} {expected}"));
        string counted = string.Create(
            CultureInfo.InvariantCulture,
            $"authority by {name}: {_cells.Count} cells ({kinds}), {differences.Length} differences\n");
        File.WriteAllText(Path.Combine(AppContext.BaseDirectory, $"authority.{name}.txt"), counted);
        Assert.True(differences.Length == 0, counted + string.Join('\n', differences));
        Assert.True(_cells.Count >= atLeast, $"only {_cells.Count} cells were asked, not {atLeast}");
    }

    /// <summary>A table without one of its lines has a difference, whichever line it is.</summary>
    public void AssertEveryLineCounts(Func<string, bool> isOf) => Assert.All(
        Sight.LessOneLine().Where(less => isOf(less.Line)),
        less => Assert.True(_cells.Any(cell => !cell.IsAs(less.Less)), $"nothing differs without {less.Line}"));
}
