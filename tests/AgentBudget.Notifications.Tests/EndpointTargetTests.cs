namespace AgentBudget.Notifications.Tests;

/// <summary>Which addresses an endpoint may have.</summary>
public sealed class EndpointTargetTests
{
    [Theory]
    [InlineData("", "must be a URL")]
    [InlineData("hooks.acme.test/x", "must be a URL")]
    [InlineData("http://hooks.acme.test/x", "must begin with https://")]
    [InlineData("file:///etc/passwd", "must begin with https://")]
    [InlineData("gopher://hooks.acme.test/x", "must begin with https://")]
    [InlineData("https://kim:secret@hooks.acme.test/x", "must be without a user")]
    [InlineData("https://hooks.acme.test/x#part", "must be without a fragment")]
    [InlineData("https://169.254.169.254/latest/meta-data", "must lead to a public address")]
    [InlineData("https://2852039166/latest/meta-data", "must lead to a public address")]
    [InlineData("https://0x7f.1/x", "must lead to a public address")]
    [InlineData("https://[::1]/x", "must lead to a public address")]
    [InlineData("https://[::ffff:10.0.0.1]/x", "must lead to a public address")]
    [InlineData("https://[fd00::1]/x", "must lead to a public address")]
    [InlineData("https://100.64.0.1/x", "must lead to a public address")]
    public void What_could_lead_into_ones_own_network_is_refused(string url, string says) =>
        Assert.Contains(says, EndpointTarget.FaultOfUrl(url, allowPrivate: false), StringComparison.Ordinal);

    [Theory]
    [InlineData("https://hooks.acme.test/budget?key=1", false)]
    [InlineData("https://93.184.216.34/budget", false)]
    [InlineData("http://127.0.0.1:8080/budget", true)]
    public void What_is_public_is_taken_and_the_rest_where_it_is_allowed(string url, bool allowPrivate) =>
        Assert.Null(EndpointTarget.FaultOfUrl(url, allowPrivate));

    [Fact]
    public void A_url_has_a_bound() => Assert.Contains(
        "1024",
        EndpointTarget.FaultOfUrl("https://hooks.acme.test/" + new string('x', 1024), allowPrivate: false),
        StringComparison.Ordinal);

    [Theory]
    [InlineData("finance@acme.test", true)]
    [InlineData("Kim <kim@acme.test>", false)]
    [InlineData("kim@acme.test, lee@acme.test", false)]
    [InlineData("kim@acme.test\r\nBcc: all@acme.test", false)]
    [InlineData("kim", false)]
    [InlineData("@acme.test", false)]
    [InlineData("", false)]
    public void A_recipient_is_one_address_and_nothing_else(string text, bool isAddress) =>
        Assert.Equal(isAddress, EndpointTarget.IsMailAddress(text));
}
