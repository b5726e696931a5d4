package assuan

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys"
)

const hang = "hang"

// talk connects to a server that greets, then expects and says the lines of script in turn:
// those starting with "> " are what the client must send, and hang keeps the server silent until
// the client is gone.
func talk(t *testing.T, script ...string) *Conn {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan struct{})
	t.Cleanup(func() { _ = client.Close(); <-done })
	go func() {
		defer close(done)
		defer server.Close()
		r := bufio.NewReader(server)
		for _, l := range append([]string{"OK hello"}, script...) {
			if l == hang {
				_, _ = io.Copy(io.Discard, r)
				return
			}
			want, expect := strings.CutPrefix(l, "> ")
			if !expect {
				if _, err := io.WriteString(server, l+"\n"); err != nil {
					return
				}
				continue
			}
			got, err := r.ReadString('\n')
			if err != nil || strings.TrimSuffix(got, "\n") != want {
				t.Errorf("the client sent %q (%v), want %q", got, err, want)
				return
			}
		}
	}()
	c, err := newConn(context.Background(), client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDoReturnsUnescapedData(t *testing.T) {
	c := talk(t, "> PKSIGN", "# a remark", "S PROGRESS 1 of 2", "D a%0Ab%25", "D c", "OK done")
	var status []string
	got, err := c.Do(context.Background(), "PKSIGN", Handler{Status: func(k, a string) { status = append(status, k+"|"+a) }})
	if err != nil || string(got) != "a\nb%c" {
		t.Fatalf("Do = %q, %v", got, err)
	}
	if len(status) != 1 || status[0] != "PROGRESS|1 of 2" {
		t.Errorf("status lines %q", status)
	}
	if c.Broken() {
		t.Error("the connection is called broken after a good exchange")
	}
}

func TestServerErrorKeepsConnection(t *testing.T) {
	c := talk(t, "> PKSIGN", "ERR 67108875 Bad passphrase <GPG Agent>", "> NOP", "OK")
	_, err := c.Do(context.Background(), "PKSIGN", Handler{})
	var se *ServerError
	if !errors.As(err, &se) || se.Errno() != 11 || se.Text != "Bad passphrase <GPG Agent>" {
		t.Fatalf("Do = %v", err)
	}
	if _, err := c.Do(context.Background(), "NOP", Handler{}); err != nil {
		t.Fatalf("the next command failed: %v", err)
	}
}

func TestInquireSendsEscapedSecret(t *testing.T) {
	long := strings.Repeat("x", 299) + "%\n" + "é"
	c := talk(t, "> SIGN", "INQUIRE PASSPHRASE now", "> D "+strings.Repeat("x", 299)+"%25", "> D %0Aé", "> END", "OK")
	secret := keys.NewSecret([]byte(long))
	_, err := c.Do(context.Background(), "SIGN", Handler{Inquire: func(k, a string) (keys.Secret, error) {
		if k != "PASSPHRASE" || a != "now" {
			t.Errorf("inquired %q %q", k, a)
		}
		return secret, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if secret.Len() != len(long) {
		t.Error("the handler's secret was destroyed")
	}
}

func TestDeclinedInquiryCancelsCommand(t *testing.T) {
	no := errors.New("nobody is there")
	c := talk(t, "> SIGN", "INQUIRE PASSPHRASE", "> CAN", "ERR 67109141 IPC call has been cancelled", "> NOP", "OK")
	if _, err := c.Do(context.Background(), "SIGN", Handler{Inquire: func(string, string) (keys.Secret, error) { return keys.Secret{}, no }}); !errors.Is(err, no) {
		t.Fatalf("Do = %v, want the handler's error", err)
	}
	if _, err := c.Do(context.Background(), "NOP", Handler{}); err != nil {
		t.Fatalf("the connection did not survive: %v", err)
	}
}

func TestInquiryWithoutHandlerIsCancelled(t *testing.T) {
	c := talk(t, "> SIGN", "INQUIRE KEYPARAM", "> CAN", "ERR 67109141 cancelled")
	if _, err := c.Do(context.Background(), "SIGN", Handler{}); err == nil || !strings.Contains(err.Error(), "KEYPARAM") {
		t.Fatalf("Do = %v", err)
	}
}

func TestViolationsBreakTheConnection(t *testing.T) {
	for name, lines := range map[string][]string{
		"unknown line": {"HELLO"},
		"long line":    {"D " + strings.Repeat("x", maxLine)},
		"bad escape":   {"D %zz"},
		"cut escape":   {"D %4"},
		"bad code":     {"ERR eleven Bad"},
		"much data":    repeat("D "+strings.Repeat("x", 1000), maxData/1000+2),
		"much talk":    repeat("S "+strings.Repeat("x", 1000), maxResponse/1000+2),
	} {
		t.Run(name, func(t *testing.T) {
			c := talk(t, append([]string{"> X"}, lines...)...)
			if _, err := c.Do(context.Background(), "X", Handler{}); !errors.Is(err, ErrProtocol) {
				t.Fatalf("Do = %v, want ErrProtocol", err)
			}
			if !c.Broken() {
				t.Error("the connection is still called good")
			}
			if _, err := c.Do(context.Background(), "X", Handler{}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("a second command = %v", err)
			}
		})
	}
}

func repeat(s string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = s
	}
	return out
}

func TestCancelEndsTheWait(t *testing.T) {
	c := talk(t, "> X", "S WORKING", hang)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := c.Do(ctx, "X", Handler{Status: func(string, string) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Do = %v", err)
	}
	if !c.Broken() {
		t.Error("a cut-off connection is still called good")
	}
}

func TestCommandInjectionIsRefused(t *testing.T) {
	c := talk(t)
	for _, cmd := range []string{"A\nB", "A\rB", "A\x00", strings.Repeat("x", MaxCommand+1)} {
		if _, err := c.Do(context.Background(), cmd, Handler{}); err == nil {
			t.Errorf("Do(%.10q) did not fail", cmd)
		}
	}
}

func TestEscapeText(t *testing.T) {
	if got, want := EscapeText("a b+c%d\ne"), "a+b%2Bc%25d%0Ae"; got != want {
		t.Errorf("EscapeText = %q, want %q", got, want)
	}
}

func write(t *testing.T, content string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "S.gpg-agent")
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestResolve(t *testing.T) {
	nonce := "0123456789abcdef"
	tcp := write(t, "4711\n"+nonce)
	for name, tt := range map[string]struct {
		content  string
		emulated bool
		want     endpoint
		wantErr  bool
	}{
		"emulated":                 {"4711\n" + nonce, true, endpoint{"tcp", "127.0.0.1:4711", []byte(nonce)}, false},
		"emulated elsewhere":       {"4711\n" + nonce, false, endpoint{}, true},
		"redirected":               {"%Assuan%\nsocket=" + filepath.Dir(tcp) + "\n", false, endpoint{"unix", filepath.Dir(tcp), nil}, false},
		"redirected to emulated":   {"%Assuan%\r\n#x\r\nsocket=" + tcp + "\r\n", true, endpoint{"tcp", "127.0.0.1:4711", []byte(nonce)}, false},
		"redirected by a variable": {"%Assuan%\nsocket=${HOME}/x\n", false, endpoint{}, true},
		"redirected nowhere":       {"%Assuan%\n", false, endpoint{}, true},
		"short nonce":              {"4711\n0123", true, endpoint{}, true},
		"no port":                  {"70000\n" + nonce, true, endpoint{}, true},
		"cygwin":                   {"!<socket >4711 s 1-2-3-4", true, endpoint{}, true},
		"empty":                    {"", true, endpoint{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := resolve(write(t, tt.content), tt.emulated)
			if (err != nil) != tt.wantErr {
				t.Fatalf("resolve: %v", err)
			}
			if got.network != tt.want.network || got.address != tt.want.address || !bytes.Equal(got.nonce, tt.want.nonce) {
				t.Errorf("resolve = %+v, want %+v", got, tt.want)
			}
		})
	}
}

// An emulated socket is reached over TCP, and the server gets the nonce before anything else.
func TestEmulatedSocket(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		defer c.Close()
		nonce := make([]byte, nonceSize)
		_, _ = io.ReadFull(c, nonce)
		_, _ = io.WriteString(c, "OK\n")
		got <- string(nonce)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := newConn(ctx, c, []byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n := <-got; n != "0123456789abcdef" {
		t.Errorf("the server got %q first", n)
	}
}

func FuzzReadResponse(f *testing.F) {
	for _, s := range []string{"OK\n", "OK Pleased to meet you\n", "ERR 67108875 Bad passphrase <GPG Agent>\n",
		"D (7:sig-val(3:rsa(1:s1:x)))%0A\n", "S KEYINFO 4AD5 D - - - P - - -\n", "INQUIRE PASSPHRASE\n", "# x\n", "\n", "D %\n", "ERR 99999999999\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(in), maxLine)
		total := 0
		for {
			resp, n, err := readResponse(r)
			total += n
			if err != nil {
				break
			}
			if n > maxLine || len(resp.data)+len(resp.keyword)+len(resp.args) > n {
				t.Fatalf("%d bytes gave %+v", n, resp)
			}
			if resp.kind == kindData {
				back, err := unescape(appendEscaped(nil, resp.data))
				if err != nil || !bytes.Equal(back, resp.data) {
					t.Fatalf("%q came back as %q (%v)", resp.data, back, err)
				}
			}
		}
		if total > len(in) {
			t.Fatalf("read %d of %d bytes", total, len(in))
		}
	})
}
