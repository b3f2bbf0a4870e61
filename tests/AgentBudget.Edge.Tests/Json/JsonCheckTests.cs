using System.Net;
using System.Text.Json;
using AgentBudget.Edge.Tests.Support;
using EdgeTest.V1;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Edge.Tests.Json;

/// <summary>What a message does not have is refused by its path, and never reaches the method.</summary>
public sealed class JsonCheckTests(JsonServer server) : IClassFixture<JsonServer>
{
    [Theory]
    [InlineData("""{"bogus":1}""", "bogus")]
    [InlineData("""{"rawbytes":""}""", "rawbytes")]
    [InlineData("""{"item":{"request":{"labelz":{}}}}""", "item.request.labelz")]
    [InlineData("""{"item":{"request":{"many":[{},{"texts":"a"}]}}}""", "item.request.many[1].texts")]
    [InlineData("""{"items":{"7":{"number":"1","x":true}}}""", "items.7.x")]
    [InlineData("""{"at":{"seconds":"1"}}""", "at")]
    [InlineData("""{"maybeLong":{"value":"1"}}""", "maybeLong")]
    public Task An_unknown_member_is_refused_in_every_nesting(string body, string path) =>
        AssertRefusedAsync(body, path);

    [Theory]
    [InlineData("""{"flag":true,"flag":true}""", "flag")]
    [InlineData("""{"rawBytes":"","raw_bytes":""}""", "raw_bytes")]
    [InlineData("""{"item":{"request":{"text":"a","text":"a"}}}""", "item.request.text")]
    [InlineData("""{"report":{"a":1,"b":{"c":1,"c":2}}}""", "report.b.c")]
    [InlineData("""{"items":{"1":{},"1":{}}}""", "items.1")]
    [InlineData("""{"fl\u0061g":true,"flag":true}""", "flag")]
    public Task A_member_that_comes_twice_is_refused(string body, string path) => AssertRefusedAsync(body, path);

    [Theory]
    [InlineData("""{"name":"a","item":{}}""", "item")]
    [InlineData("""{"name":"a","item":null}""", "item")]
    [InlineData("""{"item":{"request":{},"response":{}}}""", "item.response")]
    public Task A_second_member_of_a_choice_is_refused(string body, string path) => AssertRefusedAsync(body, path);

    [Theory]
    [InlineData("""{"flag":"true"}""", "flag")]
    [InlineData("""{"flag":1}""", "flag")]
    [InlineData("""{"small":-1}""", "small")]
    [InlineData("""{"small":1.5}""", "small")]
    [InlineData("""{"small":4294967296}""", "small")]
    [InlineData("""{"large":"18446744073709551616"}""", "large")]
    [InlineData("""{"large":"x"}""", "large")]
    [InlineData("""{"large":1e3}""", "large")]
    [InlineData("""{"small":"-7"}""", "small")]
    [InlineData("""{"rawBytes":"-_8"}""", "rawBytes")]
    [InlineData("""{"ratio":1e999}""", "ratio")]
    [InlineData("""{"large":{}}""", "large")]
    [InlineData("""{"ratio":"wide"}""", "ratio")]
    [InlineData("""{"color":"COLOR_BLUE"}""", "color")]
    [InlineData("""{"color":true}""", "color")]
    [InlineData("""{"rawBytes":"%%%"}""", "rawBytes")]
    [InlineData("""{"at":"yesterday"}""", "at")]
    [InlineData("""{"ttl":"3"}""", "ttl")]
    [InlineData("""{"ttl":3}""", "ttl")]
    [InlineData("""{"report":[]}""", "report")]
    [InlineData("""{"list":{}}""", "list")]
    [InlineData("""{"maybeLong":"many"}""", "maybeLong")]
    [InlineData("""{"any":{"@type":"type.googleapis.com/edgetest.v1.EchoItem"}}""", "any")]
    [InlineData("""{"items":[]}""", "items")]
    [InlineData("""{"items":{"x":{}}}""", "items.x")]
    [InlineData("""{"items":{"1":null}}""", "items.1")]
    [InlineData("""{"answers":{"yes":"a"}}""", "answers.yes")]
    [InlineData("""{"answers":{"true":1}}""", "answers.true")]
    [InlineData("""{"name":1}""", "name")]
    [InlineData("""{"name":"\ud800"}""", "name")]
    [InlineData("""{"free":"\ud800"}""", "free")]
    [InlineData("""{"item":[]}""", "item")]
    [InlineData("""{"item":{"request":{"many":{}}}}""", "item.request.many")]
    [InlineData("""{"item":{"request":{"many":[null]}}}""", "item.request.many[0]")]
    [InlineData("""{"item":{"request":{"numbers":[1,"a"]}}}""", "item.request.numbers[1]")]
    public Task A_value_of_another_type_is_refused(string body, string path) => AssertRefusedAsync(body, path);

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("3")]
    [InlineData("{} {}")]
    [InlineData("{\"flag\":true,}")]
    [InlineData("{\"flag\":true")]
    [InlineData("// nothing\n{}")]
    public async Task What_is_not_one_object_is_refused(string body)
    {
        RawAnswer answer = await server.Edge.Raw.JsonAsync(RawClient.ShapesPath, body);
        AssertMalformed(answer);
        Assert.Equal(0, server.Drawn.Count(shapes => shapes is null));
    }

    [Fact]
    public async Task Every_form_that_json_has_for_a_message_is_taken()
    {
        const string body = """
            {"flag":true,"small":7,"large":"1000","ratio":"NaN","color":"COLOR_RED","rawBytes":"+/8=","at":
            "2026-11-28T20:00:00Z","ttl":"1.500s","mask":"a,bC","report":{"a":[1,{"b":null}],"c":"d"},"free":null,
            "list":[1,"a",null],"maybe_long":"-5","items":{"-3":{"request":{"text":"é","labels":{"a b":"c"}}}},
            "answers":{"true":"yes"},"values":[null,true],"chosen":0,"name":"one","any":null}
            """;
        RawAnswer answer = await server.Edge.Raw.JsonAsync(RawClient.ShapesPath, body);
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
        Shapes drawn = server.Drawn.Last(shapes => shapes.Items.Count == 1);
        Assert.Equal((7u, 1000ul, "one", -5L), (drawn.Small, drawn.Large, drawn.Name, drawn.MaybeLong));
        Assert.Equal("é", drawn.Items[-3].Request.Text);
        Assert.Equal(2, drawn.Values.Count);
    }

    [Theory]
    [InlineData("""{"ratio":"0.25","small":"7"}""")]
    [InlineData("""{"small" : "7" ,"ratio":"25e-2"}""")]
    [InlineData("""{"ratio":"\u0030\u002e25","small":"\u0037"}""")]
    [InlineData("""{"ratio":0.25,"small":7}""")]
    public async Task A_number_may_be_a_text_as_the_JSON_of_protobuf_has_it(string body)
    {
        RawAnswer answer = await server.Edge.Raw.JsonAsync(RawClient.ShapesPath, body);
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
        Shapes drawn = server.Drawn.Last();
        Assert.Equal((7u, 0.25), (drawn.Small, drawn.Ratio));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("+1")]
    [InlineData("01")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("0x1")]
    [InlineData("1,2")]
    [InlineData("1e999")]
    [InlineData("one")]
    [InlineData("\u0661")]
    [InlineData("1\\u0000")]
    public async Task A_text_that_is_nearly_a_number_is_refused(string text)
    {
        await AssertRefusedAsync($$"""{"ratio":"{{text}}"}""", "ratio");
        await AssertRefusedAsync($$"""{"small":"{{text}}"}""", "small");
        await AssertRefusedAsync($$"""{"large":"{{text}}"}""", "large");
    }

    [Fact]
    public async Task An_answer_names_several_faults_and_the_shape_is_that_of_every_error()
    {
        RawAnswer answer = await server.Edge.Raw.JsonAsync(RawClient.ShapesPath, """{"x":1,"flag":2,"y":{"z":3}}""");
        using JsonDocument error = JsonDocument.Parse(answer.Body);
        JsonElement root = error.RootElement;
        Assert.Equal(3, root.GetProperty("code").GetInt32());
        Assert.Contains("x: is not a member of edgetest.v1.Shapes", root.GetProperty("message").GetString());
        JsonElement[] details = [.. root.GetProperty("details").EnumerateArray()];
        Assert.Equal("type.googleapis.com/google.rpc.ErrorInfo", details[0].GetProperty("@type").GetString());
        Assert.Equal("agentbudget", details[0].GetProperty("domain").GetString());
        Assert.Equal(["x", "flag", "y"], FieldsOf(answer));
    }

    [Fact]
    public async Task Elements_count_at_every_level_and_in_free_values()
    {
        string numbers = string.Join(',', Enumerable.Repeat("1", 500));
        string free = $$"""{"report":{"a":[{{numbers}}],"b":{"c":[{{numbers}}]} } }""";
        RawAnswer answer = await server.Edge.Raw.JsonAsync(RawClient.ShapesPath, free);
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.Status);
        Assert.Contains("TOO_MANY_ITEMS", answer.Text, StringComparison.Ordinal);
        string fits = $$"""{"report":{"a":[{{numbers}}]},"list":[{{numbers[2..]}}]}""";
        Assert.Equal(HttpStatusCode.OK, (await server.Edge.Raw.JsonAsync(RawClient.ShapesPath, fits)).Status);
    }

    [Fact]
    public async Task A_body_beyond_the_bound_is_refused_with_and_without_its_length()
    {
        byte[] large = new byte[EdgeServer.MessageBytesMax + 1];
        foreach (HttpContent content in new HttpContent[] { new ByteArrayContent(large), new Chunked(large) })
        {
            content.Headers.TryAddWithoutValidation("content-type", "application/json");
            RawAnswer answer = await server.Edge.Raw.SendAsync(
                server.Edge.HttpAddress, HttpVersion.Version11, HttpMethod.Post, RawClient.JsonEchoPath, content);
            Assert.Equal(HttpStatusCode.TooManyRequests, answer.Status);
            Assert.Contains("MESSAGE_TOO_LARGE", answer.Text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("/v1/shapes?bogus=1", "bogus")]
    [InlineData("/v1/shapes?small=x", "small")]
    [InlineData("/v1/shapes?small=1&small=2", "small")]
    [InlineData("/v1/shapes?raw_bytes=AAE=&rawBytes=AAE=", "rawBytes")]
    [InlineData("/v1/shapes?color=COLOR_BLUE", "color")]
    [InlineData("/v1/shapes?at=now", "at")]
    [InlineData("/v1/shapes?items=1", "items")]
    [InlineData("/v1/shapes?item.number=1&item.size=2", "item.size")]
    [InlineData("/v1/echo/hello?text=again", "text")]
    [InlineData("/v1/echo/hello?many.text=a", "many.text")]
    public async Task A_query_that_the_message_does_not_have_is_refused(string pathAndQuery, string field)
    {
        RawAnswer answer = await server.Edge.Raw.GetAsync(pathAndQuery);
        AssertMalformed(answer);
        Assert.Equal([field], FieldsOf(answer));
    }

    [Theory]
    [InlineData("/v1/shapes?small=3&color=COLOR_RED&item.number=4&ttl=3s&maybeLong=5&flag=true&raw_bytes=AAE=")]
    [InlineData("/v1/echo/hello?numbers=1&numbers=2&nested.text=b")]
    [InlineData("/v1/echo/hello")]
    public async Task A_query_of_the_messages_members_is_taken(string pathAndQuery)
    {
        RawAnswer answer = await server.Edge.Raw.GetAsync(pathAndQuery);
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
    }

    [Fact]
    public async Task A_query_beside_a_whole_body_is_refused()
    {
        RawAnswer answer = await server.Edge.Raw.JsonAsync(RawClient.JsonEchoPath + "?count=1", "{}");
        AssertMalformed(answer);
        Assert.Equal(["count"], FieldsOf(answer));
    }

    [Theory]
    [InlineData("""{"text":"in"}""", HttpStatusCode.OK, null)]
    [InlineData("""{"texts":"in"}""", HttpStatusCode.BadRequest, "nested.texts")]
    public async Task A_body_that_is_one_field_is_compared_with_that_field(
        string body, HttpStatusCode expected, string? path)
    {
        ByteArrayContent content = new(System.Text.Encoding.UTF8.GetBytes(body));
        content.Headers.TryAddWithoutValidation("content-type", "application/json");
        RawAnswer answer = await server.Edge.Raw.SendAsync(
            server.Edge.HttpAddress, HttpVersion.Version11, HttpMethod.Put, "/v1/echo/hello?count=2", content);
        Assert.Equal(expected, answer.Status);
        if (path is not null)
            Assert.Equal([path], FieldsOf(answer));
    }

    [Fact]
    public async Task A_body_on_a_route_that_takes_none_is_refused()
    {
        ByteArrayContent content = new("{}"u8.ToArray());
        content.Headers.TryAddWithoutValidation("content-type", "application/json");
        AssertMalformed(await server.Edge.Raw.SendAsync(
            server.Edge.HttpAddress, HttpVersion.Version11, HttpMethod.Get, "/v1/echo/hello", content));
    }

    [Fact]
    public async Task A_body_that_does_not_arrive_in_time_is_refused()
    {
        FakeTimeProvider time = new();
        await using EdgeServer edge = await EdgeServer.StartAsync(setup => setup.Time = time);
        HeldContent content = new();
        content.Headers.TryAddWithoutValidation("content-type", "application/json");
        Task<RawAnswer> call = edge.Raw.SendAsync(
            edge.GrpcAddress, HttpVersion.Version20, HttpMethod.Post, RawClient.JsonEchoPath, content);
        await content.WriteAsync((byte)'{');
        while (!call.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(31));
            Assert.Equal("beside", (await edge.EchoAsync("beside")).Text);
        }

        content.End();
        Assert.Equal(HttpStatusCode.GatewayTimeout, (await call).Status);
    }

    private async Task AssertRefusedAsync(string body, string path)
    {
        int drawn = server.Drawn.Count;
        RawAnswer answer = await server.Edge.Raw.JsonAsync(RawClient.ShapesPath, body);
        AssertMalformed(answer);
        Assert.Equal([path], FieldsOf(answer));
        Assert.Equal(drawn, server.Drawn.Count);
    }

    private static void AssertMalformed(RawAnswer answer)
    {
        Assert.True(answer.Status == HttpStatusCode.BadRequest, $"{answer.Status} {answer.Text}");
        Assert.Equal("application/json", answer.ContentType);
        Assert.Contains("MESSAGE_MALFORMED", answer.Text, StringComparison.Ordinal);
    }

    private static string[] FieldsOf(RawAnswer answer)
    {
        using JsonDocument error = JsonDocument.Parse(answer.Body);
        return
        [
            .. error.RootElement.GetProperty("details").EnumerateArray()
                .Where(detail => detail.TryGetProperty("fieldViolations", out _))
                .SelectMany(detail => detail.GetProperty("fieldViolations").EnumerateArray())
                .Select(violation => violation.GetProperty("field").GetString()!),
        ];
    }

    private sealed class Chunked(byte[] body) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            stream.WriteAsync(body).AsTask();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
