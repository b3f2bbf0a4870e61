using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;

namespace AgentBudget.Silo.Tests.Authority;

/// <summary>
/// Every method × every kind of caller × everything that it can name, over gRPC, against <see cref="Sight"/>: a rule
/// that is forgotten in one of both is a difference.
/// </summary>
public sealed class AuthorityMatrixTests
{
    private const string Forbidden = "This credential may not do that.";

    private static readonly string[] Relations =
        ["own", "kim", "lee", "sibling", "child", "parent", "unit", "tenant", World.Absent];

    [Fact]
    public async Task Every_caller_is_answered_about_every_name_as_the_table_says()
    {
        using UserIssuer users = new();
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, users.Settings);
        World world = await World.MakeAsync(silo, users);
        await world.AddAdminAsync(silo); // Last: it ends what others ask about.
        using GrpcChannel channel = Calls.ChannelTo(silo.Grpc);
        List<string> differences = [];
        Dictionary<Expected, int> cells = [];
        foreach ((string caller, string bearer) in world.Callers)
        {
            foreach ((MethodDescriptor method, string path) in NamingRequests.NamesIn())
            {
                Answer absent = await AskAsync(channel, method, path, World.Absent, world, bearer);
                foreach (string whose in Relations.Where(whose => IsAsked(path, whose)))
                {
                    Expected expected = Sight.Of(caller, method.Name, path, whose);
                    cells[expected] = cells.GetValueOrDefault(expected) + 1;
                    Answer answer = whose == World.Absent
                        ? absent
                        : await AskAsync(channel, method, path, whose, world, bearer);
                    if (!IsAs(expected, answer, absent))
                        differences.Add($"{caller} {method.Name} {path} {whose}: {expected}, not {answer}");
                }
            }
        }

        Assert.True(differences.Count == 0, $"{differences.Count} differ:\n{string.Join('\n', differences)}");
        Assert.True(cells[Expected.Forbidden] > 300, $"{cells[Expected.Forbidden]} were forbidden");
        Assert.True(cells[Expected.Absent] > 200, $"{cells[Expected.Absent]} were not there");
        Assert.True(cells[Expected.There] > 150, $"{cells[Expected.There]} were there");
    }

    [Fact]
    public void The_table_speaks_of_the_methods_that_name_something_and_of_no_others() => Assert.Equal(
        NamingRequests.NamesIn().Select(name => name.Method.Name).Distinct().Order(StringComparer.Ordinal),
        Sight.Methods.Order(StringComparer.Ordinal));

    // Of another tenant a token says so; a name is one of the caller's own tenant.
    private static bool IsAsked(string path, string whose) =>
        whose != "tenant" || path.EndsWith("_token", StringComparison.Ordinal);

    private static bool IsAs(Expected expected, Answer answer, Answer absent) => expected switch
    {
        Expected.Forbidden => answer.Detail == Forbidden && answer == absent,
        Expected.Absent => answer == absent,
        Expected.There => answer != absent && answer.Detail != Forbidden,
        Expected.Unasked => true,
    };

    private sealed record Answer(StatusCode Code, string Detail, string Details)
    {
        public override string ToString() => $"{Code} {Detail}";
    }

    private static async Task<Answer> AskAsync(
        GrpcChannel channel, MethodDescriptor method, string path, string whose, World world, string bearer)
    {
        string json = NamingRequests.RequestOf(method, path, world.Value(path, whose), world).ToJsonString();
        byte[] request = JsonParser.Default.Parse(json, method.InputType).ToByteArray();
        Marshaller<byte[]> bytes = Marshallers.Create(static value => value, static value => value);
        Method<byte[], byte[]> called =
            new(MethodType.Unary, method.Service.FullName, method.Name, bytes, bytes);
        Metadata headers = new() { { "authorization", $"Bearer {bearer}" } };
        using AsyncUnaryCall<byte[]> call = channel.CreateCallInvoker()
            .AsyncUnaryCall(called, host: null, new CallOptions(headers), request);
        try
        {
            byte[] response = await call.ResponseAsync.WaitAsync(TestSilo.Patience);
            return new Answer(StatusCode.OK, "", Convert.ToBase64String(response));
        }
        catch (RpcException refused)
        {
            byte[]? details = refused.Trailers.GetValueBytes("grpc-status-details-bin");
            return new Answer(refused.StatusCode, refused.Status.Detail, Convert.ToBase64String(details ?? []));
        }
    }
}
