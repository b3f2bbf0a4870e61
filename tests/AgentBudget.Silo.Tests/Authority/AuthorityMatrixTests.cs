using Google.Protobuf.Reflection;
using Grpc.Net.Client;

namespace AgentBudget.Silo.Tests.Authority;

/// <summary>
/// Every method × every kind of caller × everything that it can name, over every transport, against
/// <see cref="Sight"/>: a rule that is forgotten in one of both is a difference.
/// </summary>
public sealed class AuthorityMatrixTests
{
    private static readonly string[] Relations =
        ["own", "kim", "lee", "sibling", "child", "parent", "unit", "tenant", World.Absent];

    private static readonly Expected[] Outcomes =
        [Expected.Forbidden, Expected.Absent, Expected.There, Expected.Unauthenticated];

    public static TheoryData<string> Transports => [.. Transport.All().Select(transport => transport.Name)];

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Every_caller_is_answered_about_every_name_as_the_table_says(string name)
    {
        using Transport transport = Transport.All().Single(transport => transport.Name == name);
        using UserIssuer users = new();
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, users.Settings);
        World world = await World.MakeAsync(silo, users);
        await world.AddEndedAsync(silo);
        await world.AddAdminAsync(silo); // Last: it ends what others ask about.
        using GrpcChannel channel = Calls.ChannelTo(silo.Grpc);
        Matrix matrix = new(name);
        (MethodDescriptor Method, string Path)[] asked =
            [.. NamingRequests.NamesIn().Where(name => transport.Serves(name.Method))];
        foreach ((string caller, string bearer) in world.Callers.Where(one => transport.Takes(one.Role)))
        {
            async Task AskAsync((MethodDescriptor Method, string Path) named)
            {
                (MethodDescriptor method, string path) = named;
                Task<Told> ToldAsync(string whose) => transport.AskAsync(
                    silo, channel, method, NamingRequests.RequestOf(method, path, world.Value(path, whose), world),
                    bearer);
                Told absent = await ToldAsync(World.Absent);
                foreach (string whose in Relations.Where(whose => IsAsked(caller, path, whose)))
                {
                    Told answer = whose == World.Absent ? absent : await ToldAsync(whose);
                    string what = $"{caller} {method.Name} {path} {whose}";
                    matrix.Add(what, sight => sight.Of(caller, method.Name, path, whose), answer, absent);
                }
            }

            if (Sight.IsNobody(caller))
            {
                await Task.WhenAll(asked.Select(AskAsync));
                continue;
            }

            foreach ((MethodDescriptor, string) named in asked)
                await AskAsync(named);
        }

        matrix.AssertNoDifference(70 * asked.Length);
        foreach (Expected expected in Outcomes)
            Assert.True(matrix.Count(expected) >= asked.Length, $"{matrix.Count(expected)} were {expected}");
        if (name == Transport.All()[0].Name)
            matrix.AssertEveryLineCounts(line => !Sight.IsOfOAuth(line) && !Sight.IsOfRoutes(line));
    }

    [Fact]
    public void The_table_speaks_of_the_methods_that_name_something_and_of_no_others() => Assert.Equal(
        NamingRequests.NamesIn().Select(name => name.Method.Name).Distinct().Order(StringComparer.Ordinal),
        Sight.Methods.Order(StringComparer.Ordinal));

    // Of another tenant a token says so; a name is one of the caller's own tenant. Who is nobody is refused before the
    // request is read, and after some attempts a second late, so one name for each request is enough.
    private static bool IsAsked(string caller, string path, string whose) =>
        Sight.IsNobody(caller)
            ? whose == "own"
            : path.EndsWith("_token", StringComparison.Ordinal) || (whose != "tenant" && caller != "foreign");
}
