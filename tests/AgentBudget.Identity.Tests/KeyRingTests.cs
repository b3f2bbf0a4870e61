using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Identity.Tests;

public sealed class KeyRingTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly KeyRing _keys;
    private readonly SessionTokens _tokens;

    public KeyRingTests()
    {
        _keys = Load();
        _tokens = new SessionTokens(_keys, _clock);
    }

    public void Dispose()
    {
        _keys.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_token_of_the_retired_key_counts_for_the_overlap_and_no_longer()
    {
        string old = _tokens.Mint(Session());
        KeyRotation rotation = _keys.Rotate("r1", _clock.GetUtcNow(), TimeSpan.FromMinutes(5))!;
        string fresh = _tokens.Mint(Session());

        Assert.NotEqual(rotation.KeyId, rotation.RetiredKeyId);
        Assert.True(IsRead(old));
        Assert.True(IsRead(fresh));
        _clock.Advance(TimeSpan.FromMinutes(5));
        Assert.False(IsRead(old));
        Assert.True(IsRead(fresh));
    }

    [Fact]
    public void Without_an_overlap_a_token_ends_at_once_though_it_was_read_before()
    {
        string old = _tokens.Mint(Session());
        Assert.True(IsRead(old));
        _keys.Rotate("r1", _clock.GetUtcNow(), TimeSpan.Zero);
        Assert.False(IsRead(old));
    }

    [Fact]
    public void The_same_request_rotates_once()
    {
        KeyRotation first = _keys.Rotate("r1", _clock.GetUtcNow(), TimeSpan.FromHours(1))!;
        Assert.Equal(first, _keys.Rotate("r1", _clock.GetUtcNow(), TimeSpan.FromHours(1)));
        Assert.Equal(first.KeyId, _keys.Current.KeyId);
        Assert.NotEqual(first.KeyId, _keys.Rotate("r2", _clock.GetUtcNow(), TimeSpan.FromHours(1))!.KeyId);
    }

    [Fact]
    public void The_keys_outlive_a_restart()
    {
        string old = _tokens.Mint(Session());
        KeyRotation rotation = _keys.Rotate("r1", _clock.GetUtcNow(), TimeSpan.FromHours(1))!;

        using KeyRing again = Load();

        Assert.Equal(rotation.KeyId, again.Current.KeyId);
        Assert.True(new SessionTokens(again, _clock).TryRead(old, takesEnded: false, out _));
        Assert.Equal(rotation, again.Rotate("r1", _clock.GetUtcNow(), TimeSpan.FromHours(1)));
    }

    [Fact]
    public void The_key_set_shows_public_parts_only_the_signing_one_first()
    {
        KeyRotation rotation = _keys.Rotate("r1", _clock.GetUtcNow(), TimeSpan.FromHours(1))!;
        JsonArray keys = JsonNode.Parse(_keys.ToJwks(_clock.GetUtcNow()))!["keys"]!.AsArray();
        Assert.Equal([rotation.KeyId, rotation.RetiredKeyId], keys.Select(key => (string)key!["kid"]!));
        Assert.All(keys, key => Assert.Null(key!["d"]));
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Single(JsonNode.Parse(_keys.ToJwks(_clock.GetUtcNow()))!["keys"]!.AsArray());
    }

    [Fact]
    public void A_key_that_signed_before_is_ended_by_its_name_and_sooner_only()
    {
        string old = _tokens.Mint(Session());
        KeyRotation rotation = _keys.Rotate("r1", _clock.GetUtcNow(), TimeSpan.FromMinutes(5))!;
        string fresh = _tokens.Mint(Session());
        Assert.True(IsRead(old));
        Assert.Null(_keys.End("r2", "unknown", _clock.GetUtcNow(), TimeSpan.Zero));
        Assert.Null(_keys.End("r2", rotation.KeyId, _clock.GetUtcNow(), TimeSpan.Zero));
        KeyRotation later = _keys.End("r3", rotation.RetiredKeyId, _clock.GetUtcNow(), TimeSpan.FromDays(1))!;
        Assert.Equal(rotation.RetireSeconds, later.RetireSeconds);

        KeyRotation ended = _keys.End("r4", rotation.RetiredKeyId, _clock.GetUtcNow(), TimeSpan.Zero)!;

        Assert.False(IsRead(old));
        Assert.True(IsRead(fresh));
        Assert.Equal((rotation.KeyId, rotation.RetiredKeyId), (ended.KeyId, ended.RetiredKeyId));
        Assert.Single(JsonNode.Parse(_keys.ToJwks(_clock.GetUtcNow()))!["keys"]!.AsArray());
        using KeyRing again = Load();
        Assert.False(new SessionTokens(again, _clock).TryRead(old, takesEnded: true, out _));
        Assert.Equal(ended, again.End("r4", rotation.RetiredKeyId, _clock.GetUtcNow(), TimeSpan.Zero));
    }

    [Fact]
    public void A_rotation_without_an_overlap_that_is_asked_for_again_ends_no_other_key()
    {
        KeyRotation first = _keys.Rotate("r1", _clock.GetUtcNow(), TimeSpan.Zero)!;
        string fresh = _tokens.Mint(Session());
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(first, _keys.Rotate("r1", _clock.GetUtcNow(), TimeSpan.Zero));
        Assert.True(IsRead(fresh));
        using KeyRing again = Load();
        Assert.Equal(first, again.Rotate("r1", _clock.GetUtcNow(), TimeSpan.Zero));
    }

    [Fact]
    public void An_access_token_is_no_session_token_and_the_other_way_round()
    {
        AccessTokens access = new(_keys, _clock, static () => "https://budget.example.test");
        Assert.False(access.TryRead(_tokens.Mint(Session()), out _));
    }

    private KeyRing Load() => KeyRing.LoadOrCreate(_folder.File("signing.key"), _folder.File("signing.retired.json"));

    private bool IsRead(string token) => _tokens.TryRead(token, takesEnded: false, out _);

    private SessionCaller Session() => new()
    {
        Tenant = "acme",
        Session = "sessions/s17",
        Agent = "agents/writer",
        UseCase = "useCases/promo",
        OnBehalfOf = "",
        Scope = "",
        ExpiresAtSeconds = _clock.GetUtcNow().ToUnixTimeSeconds() + 3600,
    };
}
