using AgentBudget.Rpc.Tests.Support;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Grpc;

public sealed class GuardTests
{
    [Fact]
    public async Task The_guard_refuses_from_the_headers_while_the_message_is_still_to_come()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Guard = new Guard(
            (_, _) => throw new RpcException(RpcStatusCode.Unauthenticated, "Who are you?")));
        HeldContent content = new();
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.EchoPath, content);
        content.End();
        Assert.Equal(RpcStatusCode.Unauthenticated, answer.GrpcStatus);
    }

    [Fact]
    public async Task The_handler_sees_the_user_that_the_guard_found()
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Guard = new Guard((_, call) => call.User = call.Authorization);
            setup.Echo = (_, call) => new(new EchoResponse { Text = (string?)call.User ?? "nobody" });
        });
        Assert.Equal("Bearer kim", (await server.EchoAsync("", new RpcCallOptions { BearerToken = "kim" })).Text);
        Assert.Equal("nobody", (await server.EchoAsync("")).Text);
    }

    [Fact]
    public async Task The_guard_is_told_the_method_health_included()
    {
        List<string> asked = [];
        await using TestServer server = await TestServer.StartAsync(setup => setup.Guard = new Guard((method, call) =>
        {
            Assert.Same(method, call.Method);
            asked.Add(method.Path);
        }));
        await server.EchoAsync("");
        await server.Raw.GrpcAsync("/grpc.health.v1.Health/Check", new ByteArrayContent([0, 0, 0, 0, 0]));
        Assert.Equal([RawClient.EchoPath, "/grpc.health.v1.Health/Check"], asked);
    }

    [Fact]
    public async Task A_guard_that_fails_lets_nobody_in()
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.ExpectsProblems = true;
            setup.Guard = new Guard((_, _) => throw new InvalidOperationException("broken"));
        });
        Assert.Equal(RpcStatusCode.Internal, (await server.EchoFailsAsync()).StatusCode);
        Assert.Single(server.Log.Problems);
    }

    private sealed class Guard(Action<RpcMethod, RpcCall> authorize) : IRpcGuard
    {
        public void Authorize(RpcMethod method, RpcCall call) => authorize(method, call);
    }
}
