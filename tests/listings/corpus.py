"""Small programs in the styles in which people publish hand-written derivatives, each with what is true of every claim.

case(file name, source, claim=expected, ...): "agrees", "refuted" or "undecided", a tuple where several are honest,
None where the two functions must not be taken for a pair at all.
"""

from textwrap import dedent

RIGHT, WRONG, OPEN = "agrees", "refuted", "undecided"
CORPUS = []

def case(name, source, **expected):
    CORPUS.append((name, dedent(source).lstrip(), expected))

# ---------------------------------------------------------------- right
case("poly_scalar", """
    def f(x):
        return x ** 3 - 2 * x + 1
    def df(x):
        return 3 * x ** 2 - 2
    def d2f(x):
        return 6 * x
    x = 2.0
    for _ in range(20):
        x -= f(x) / df(x)
""", df=RIGHT, d2f=RIGHT)
case("math_only", """
    import math
    def g(t): return math.exp(-t) * math.sin(3 * t) if t > -50 else 0.0
    def g_prime(t): return math.exp(-t) * (3 * math.cos(3 * t) - math.sin(3 * t))
    def g_double_prime(t): return math.exp(-t) * (-8 * math.sin(3 * t) - 6 * math.cos(3 * t))
""", g_prime=RIGHT, g_double_prime=RIGHT)
case("from_output", """
    import numpy as np
    def sigmoid(x): return 1 / (1 + np.exp(-x))
    def sigmoid_derivative(x): return x * (1 - x)
    X = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]])
    y = np.array([[0, 1, 1, 0]]).T
    np.random.seed(1)
    w = 2 * np.random.random((3, 1)) - 1
    for _ in range(200):
        out = sigmoid(X @ w)
        w += X.T @ ((y - out) * sigmoid_derivative(out))
""", sigmoid_derivative=RIGHT)
case("tanh_output", """
    import numpy as np
    def tanh(x): return np.tanh(x)
    def tanh_deriv(y): return 1.0 - y ** 2
""", tanh_deriv=RIGHT)
case("softmax_kinds", """
    import numpy as np
    def softmax(z):
        e = np.exp(z - np.max(z, axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)
    def softmax_jacobian(z):
        s = softmax(z)
        return np.diag(s) - np.outer(s, s)
    def softmax_grad(z):
        s = softmax(z)
        return s * (1 - s)
    print(softmax(np.array([0.2, -1.0, 3.0])), softmax_grad(np.array([0.2, -1.0, 3.0])), softmax_jacobian(np.array([0.5, -0.5, 2.0])))
""", softmax_jacobian=RIGHT, softmax_grad=RIGHT)
case("linear_regression", """
    import numpy as np
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3)); y = X @ [1.0, -2.0, 0.5] + 0.1 * rng.normal(size=50)
    def loss(w, X, y):
        '''Mean squared error.'''
        r = X @ w - y
        return r @ r / len(y)
    def loss_grad(w, X, y):
        return 2 * X.T @ (X @ w - y) / len(y)
    def loss_hess(w, X, y):
        return 2 * X.T @ X / len(y)
    w = np.zeros(3)
    for _ in range(100):
        w = w - 0.1 * loss_grad(w, X, y)
    print(loss(w, X, y))
""", loss_grad=RIGHT, loss_hess=(RIGHT, OPEN))
case("compute_cost", """
    import numpy as np
    def compute_cost(X, y, theta):
        m = len(y)
        return np.sum((X.dot(theta) - y) ** 2) / (2 * m)
    def compute_cost_gradient(X, y, theta):
        return X.T.dot(X.dot(theta) - y) / len(y)
    X = np.c_[np.ones(8), np.arange(8.0)]; y = 3 + 2 * np.arange(8.0)
    theta = np.zeros(2)
    for i in range(5):
        theta -= 0.01 * compute_cost_gradient(X, y, theta)
    compute_cost(X, y, theta)
""", compute_cost_gradient=RIGHT)
case("tuple_gradient", """
    import numpy as np
    x = np.linspace(0, 1, 30); t = 2 * x + 1
    def mse(w, b, x, t): return np.mean((w * x + b - t) ** 2)
    def mse_grad(w, b, x, t):
        r = w * x + b - t
        return 2 * np.mean(r * x), 2 * np.mean(r)
    w = b = 0.0
    for _ in range(50):
        dw, db = mse_grad(w, b, x, t)
        w -= 0.5 * dw; b -= 0.5 * db
    print(mse(w, b, x, t))
""", mse_grad=RIGHT)
case("two_variables", """
    import numpy as np
    def f(x, y): return x ** 2 + 3 * x * y + np.sin(y)
    def grad_f(x, y): return np.array([2 * x + 3 * y, 3 * x + np.cos(y)])
    def df_dx(x, y): return 2 * x + 3 * y
    def df_dy(x, y): return 3 * x + np.cos(y)
    print(f(1.0, 2.0), grad_f(1.0, 2.0))
""", grad_f=RIGHT, df_dx=RIGHT, df_dy=RIGHT)
case("rosenbrock", """
    import numpy as np
    from scipy.optimize import minimize
    def rosen(x): return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    def rosen_der(x):
        xm, xm1, xp1 = x[1:-1], x[:-2], x[2:]
        der = np.zeros_like(x)
        der[1:-1] = 200 * (xm - xm1 ** 2) - 400 * (xp1 - xm ** 2) * xm - 2 * (1 - xm)
        der[0] = -400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0])
        der[-1] = 200 * (x[-1] - x[-2] ** 2)
        return der
    def rosen_hess(x):
        H = np.diag(-400 * x[:-1], 1) - np.diag(400 * x[:-1], -1)
        d = np.zeros_like(x)
        d[0] = 1200 * x[0] ** 2 - 400 * x[1] + 2
        d[-1] = 200
        d[1:-1] = 202 + 1200 * x[1:-1] ** 2 - 400 * x[2:]
        return H + np.diag(d)
    minimize(rosen, np.array([1.3, 0.7, 0.8, 1.9]), jac=rosen_der, method="BFGS")
""", rosen_der=RIGHT, rosen_hess=RIGHT)
case("activations_where", """
    import numpy as np
    def relu(x): return np.maximum(0, x)
    def relu_grad(x): return np.where(x > 0, 1.0, 0.0)
    def leaky_relu(x, alpha=0.01): return np.where(x >= 0, x, alpha * x)
    def leaky_relu_grad(x, alpha=0.01): return np.where(x >= 0, 1, alpha)
    def elu(x, a=1.0): return np.where(x >= 0, x, a * (np.exp(np.minimum(x, 0)) - 1))
    def elu_prime(x, a=1.0): return np.where(x >= 0, 1.0, elu(x, a) + a)
    def softplus(x): return np.log1p(np.exp(x))
    def softplus_prime(x): return 1 / (1 + np.exp(-x))
    def absolute(x): return np.abs(x)
    def d_absolute(x): return np.sign(x)
    def hard_sigmoid(x): return np.clip(0.2 * x + 0.5, 0, 1)
    def hard_sigmoid_deriv(x): return np.where((x > -2.5) & (x < 2.5), 0.2, 0.0)
    z = np.array([-800.0, -3.0, -1.0, 0.0, 0.5, 2.0, 800.0])
    for f in (relu, leaky_relu, elu, softplus, absolute, hard_sigmoid): f(z)
""", relu_grad=RIGHT, leaky_relu_grad=RIGHT, elu_prime=RIGHT, softplus_prime=RIGHT, d_absolute=RIGHT, hard_sigmoid_deriv=RIGHT)
case("gelu_swish", """
    import numpy as np
    def gelu(x): return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))
    def gelu_derivative(x):
        c = np.sqrt(2 / np.pi); t = np.tanh(c * (x + 0.044715 * x ** 3))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t ** 2) * c * (1 + 3 * 0.044715 * x ** 2)
    def swish(x): return x / (1 + np.exp(-x))
    def swish_derivative(x):
        s = 1 / (1 + np.exp(-x))
        return swish(x) + s * (1 - swish(x))
""", gelu_derivative=RIGHT, swish_derivative=RIGHT)
case("textbook_classes", """
    import numpy as np
    class Sigmoid:
        def __call__(self, x): return 1 / (1 + np.exp(-x))
        def gradient(self, x): return self.__call__(x) * (1 - self.__call__(x))
    class TanH:
        def __call__(self, x): return 2 / (1 + np.exp(-2 * x)) - 1
        def gradient(self, x): return 1 - np.power(self.__call__(x), 2)
    class SELU:
        def __init__(self):
            self.alpha, self.scale = 1.6732632423543772, 1.0507009873554805
        def __call__(self, x): return self.scale * np.where(x >= 0.0, x, self.alpha * (np.exp(x) - 1))
        def gradient(self, x): return self.scale * np.where(x >= 0.0, 1, self.alpha * np.exp(x))
    class LeakyReLU:
        def __init__(self, alpha=0.2): self.alpha = alpha
        def __call__(self, x): return np.where(x >= 0, x, self.alpha * x)
        def gradient(self, x): return np.where(x >= 0, 1, self.alpha)
    class Loss:
        def loss(self, y_true, y_pred): raise NotImplementedError()
        def gradient(self, y, y_pred): raise NotImplementedError()
        def acc(self, y, y_pred): return 0
    class SquareLoss(Loss):
        def loss(self, y, y_pred): return 0.5 * np.power((y - y_pred), 2)
        def gradient(self, y, y_pred): return -(y - y_pred)
    class CrossEntropy(Loss):
        def loss(self, y, p):
            p = np.clip(p, 1e-15, 1 - 1e-15)
            return -y * np.log(p) - (1 - y) * np.log(1 - p)
        def gradient(self, y, p):
            p = np.clip(p, 1e-15, 1 - 1e-15)
            return -(y / p) + (1 - y) / (1 - p)
    s, t = Sigmoid(), TanH()
    a = s(np.linspace(-4, 4, 9)); t.gradient(a)
    CrossEntropy().gradient(np.array([1.0, 0, 1]), np.array([0.3, 0.4, 0.9]))
""", **{"Sigmoid.gradient": RIGHT, "TanH.gradient": RIGHT, "SELU.gradient": RIGHT, "LeakyReLU.gradient": RIGHT, "SquareLoss.gradient": RIGHT, "CrossEntropy.gradient": RIGHT, "Loss.gradient": None})
case("fn_grad_grad2", """
    from abc import ABC, abstractmethod
    import numpy as np
    class ActivationBase(ABC):
        def __call__(self, z):
            if z.ndim == 1: z = z.reshape(1, -1)
            return self.fn(z)
        @abstractmethod
        def fn(self, z): raise NotImplementedError
        @abstractmethod
        def grad(self, x, **kwargs): raise NotImplementedError
    class Sigmoid(ActivationBase):
        def fn(self, z): return 1 / (1 + np.exp(-z))
        def grad(self, x):
            f = self.fn(x); return f * (1 - f)
        def grad2(self, x):
            f = self.fn(x); return f * (1 - f) * (1 - 2 * f)
    class Tanh(ActivationBase):
        def fn(self, z): return np.tanh(z)
        def grad(self, x): return 1 - np.tanh(x) ** 2
        def grad2(self, x): return -2 * np.tanh(x) * (1 - np.tanh(x) ** 2)
    class Affine(ActivationBase):
        def __init__(self, slope=1, intercept=0): self.slope, self.intercept = slope, intercept
        def fn(self, z): return self.slope * z + self.intercept
        def grad(self, x): return self.slope * np.ones_like(x)
        def grad2(self, x): return np.zeros_like(x)
    class Exponential(ActivationBase):
        def fn(self, z): return np.exp(z)
        def grad(self, x): return np.exp(x)
        def grad2(self, x): return np.exp(x)
""", **{"Sigmoid.grad": RIGHT, "Sigmoid.grad2": RIGHT, "Tanh.grad": RIGHT, "Tanh.grad2": RIGHT, "Affine.grad": RIGHT, "Affine.grad2": RIGHT, "Exponential.grad": RIGHT, "Exponential.grad2": RIGHT, "ActivationBase.grad": None})
case("layers", """
    import numpy as np
    np.random.seed(0)
    class Dense:
        def __init__(self, n_in, n_out):
            self.weights = np.random.randn(n_in, n_out) * 0.1; self.bias = np.zeros(n_out)
        def forward(self, x):
            self.x = x
            return x @ self.weights + self.bias
        def backward(self, output_gradient, learning_rate):
            dx = output_gradient @ self.weights.T
            self.weights -= learning_rate * self.x.T @ output_gradient
            self.bias -= learning_rate * output_gradient.sum(axis=0)
            return dx
    class Relu:
        def __init__(self): self.mask = None
        def forward(self, x):
            self.mask = x <= 0
            out = x.copy(); out[self.mask] = 0
            return out
        def backward(self, dout):
            dout[self.mask] = 0
            return dout
    class Affine:
        def __init__(self, W, b): self.W, self.b, self.x, self.dW, self.db = W, b, None, None, None
        def forward(self, x):
            self.x = x
            return np.dot(x, self.W) + self.b
        def backward(self, dout):
            dx = np.dot(dout, self.W.T)
            self.dW = np.dot(self.x.T, dout); self.db = np.sum(dout, axis=0)
            return dx
    class SoftmaxWithLoss:
        def forward(self, x, t):
            self.t = t
            e = np.exp(x - x.max(axis=1, keepdims=True)); self.y = e / e.sum(axis=1, keepdims=True)
            return -np.sum(t * np.log(self.y + 1e-7)) / x.shape[0]
        def backward(self, dout=1):
            return (self.y - self.t) / self.t.shape[0]
    layers = [Dense(3, 5), Relu(), Affine(np.random.randn(5, 4), np.random.randn(4))]
    last = SoftmaxWithLoss()
    X = np.random.randn(6, 3); T = np.eye(4)[[0, 1, 2, 3, 0, 1]]
    for _ in range(10):
        h = X
        for layer in layers: h = layer.forward(h)
        last.forward(h, T)
        d = last.backward()
        d = layers[2].backward(d); d = layers[1].backward(d); layers[0].backward(d, 0.1)
""", **{"Dense.backward": RIGHT, "Relu.backward": RIGHT, "Affine.backward": RIGHT, "SoftmaxWithLoss.backward": (RIGHT, OPEN)})
case("coursera", """
    import numpy as np
    def sigmoid(Z): return 1 / (1 + np.exp(-Z)), Z
    def relu(Z):
        A = np.maximum(0, Z)
        return A, Z
    def relu_backward(dA, cache):
        dZ = np.array(dA, copy=True); dZ[cache <= 0] = 0
        return dZ
    def sigmoid_backward(dA, cache):
        s = 1 / (1 + np.exp(-cache))
        return dA * s * (1 - s)
    Z = np.random.default_rng(0).normal(size=(4, 7))
    A, cache = relu(Z); relu_backward(np.ones_like(A), cache)
    A, cache = sigmoid(Z); sigmoid_backward(np.ones_like(A), cache)
""", relu_backward=RIGHT, sigmoid_backward=RIGHT)
case("bce_module", """
    import numpy as np
    def bce(y, p): return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    def bce_prime(y, p): return ((1 - y) / (1 - p) - y / p) / np.size(y)
    def mse(y_true, y_pred): return np.mean(np.power(y_true - y_pred, 2))
    def mse_prime(y_true, y_pred): return 2 * (y_pred - y_true) / y_true.size
    def mae(y, p): return np.abs(y - p).mean()
    def d_mae(y, p): return np.sign(p - y) / y.size
    def hinge(y, s): return np.maximum(0, 1 - y * s)
    def hinge_grad(y, s): return np.where(y * s < 1, -y, 0)
    def huber(r, d=1.0): return np.where(abs(r) <= d, 0.5 * r * r, d * (abs(r) - 0.5 * d))
    def huber_grad(r, d=1.0): return np.clip(r, -d, d)
""", bce_prime=RIGHT, mse_prime=RIGHT, d_mae=RIGHT, hinge_grad=RIGHT, huber_grad=RIGHT)
case("numerical", """
    import numpy as np
    def f(x): return np.sum(x ** 2) + np.prod(np.cos(x))
    def f_grad(x, h=1e-5):
        g = np.zeros_like(x)
        for i in range(x.size):
            e = np.zeros_like(x); e[i] = h
            g[i] = (f(x + e) - f(x - e)) / (2 * h)
        return g
    def g(x): return np.exp(x)
    def dg(x, h=1e-3): return (g(x + h) - g(x)) / h
    f_grad(np.array([1.0, 2.0, 3.0]))
""", f_grad=(RIGHT, OPEN), dg=OPEN)
case("decorated", """
    import numpy as np
    from cauchy.calculus.audit import derivative_of
    def energy(q): return 0.5 * q @ q + q[0] * q[1]
    @derivative_of(energy)
    def force(q): return q + np.array([q[1], q[0]])
    force(np.array([1.0, 2.0]))
""", force=RIGHT)
case("lambdas", """
    import numpy as np
    h = lambda x: np.log(x)
    h_prime = lambda x: 1 / x
    phi = lambda x: np.sqrt(x)
    dphi = lambda x: 0.5 / np.sqrt(x)
""", h_prime=RIGHT, dphi=RIGHT)
case("constants", """
    def line(x): return 3 * x + 2
    def dline(x): return 3
    def ddline(x): return 0
    import numpy as np
    def step(x): return np.heaviside(x, 0.5)
    def step_derivative(x): return np.zeros_like(x)
    def identity(x): return x
    def identity_derivative(x): return 1
    line(np.arange(5.0)); identity(np.arange(4))
""", dline=RIGHT, ddline=RIGHT, identity_derivative=RIGHT, step_derivative=(RIGHT, OPEN))
case("l2_regularised", """
    import numpy as np
    rng = np.random.default_rng(3)
    class Ridge:
        def __init__(self, X, y, lam): self.X, self.y, self.lam = X, y, lam
        def loss(self, w): return 0.5 * np.mean((self.X @ w - self.y) ** 2) + 0.5 * self.lam * w @ w
        def gradient(self, w): return self.X.T @ (self.X @ w - self.y) / len(self.y) + self.lam * w
    m = Ridge(rng.normal(size=(20, 4)), rng.normal(size=20), 0.3)
    w = np.zeros(4)
    for _ in range(30): w -= 0.1 * m.gradient(w)
    m.loss(w)
""", **{"Ridge.gradient": RIGHT})
case("grads_dict", """
    import numpy as np
    rng = np.random.default_rng(5)
    class Net:
        def __init__(self): self.params = {"W1": rng.normal(size=(3, 4)), "b1": rng.normal(size=4)}
        def predict(self, x): return np.tanh(x @ self.params["W1"] + self.params["b1"])
        def loss(self, x, t): return np.mean(np.sum((self.predict(x) - t) ** 2, axis=1))
        def gradient(self, x, t):
            y = self.predict(x); d = 2 * (y - t) / len(x) * (1 - y * y)
            return {"W1": x.T @ d, "b1": d.sum(axis=0)}
    net = Net(); x = rng.normal(size=(5, 3)); t = rng.normal(size=(5, 4))
    for _ in range(3):
        g = net.gradient(x, t); net.loss(x, t)
        for k in g: net.params[k] -= 0.01 * g[k]
""", **{"Net.gradient": RIGHT})
case("float32_ints", """
    import numpy as np
    def act(x): return np.tanh(x).astype(np.float32)
    def act_grad(x): return (1 - np.tanh(x) ** 2).astype(np.float32)
    act(np.linspace(-2, 2, 9, dtype=np.float32))
    def cube(n): return n ** 3
    def cube_deriv(n): return 3 * n ** 2
    cube(np.arange(-3, 4)); cube(2)
""", act_grad=RIGHT, cube_deriv=RIGHT)
case("overflow", """
    import numpy as np
    def softplus(x): return np.log(1 + np.exp(x))
    def softplus_grad(x): return np.exp(x) / (1 + np.exp(x))
    softplus(np.array([-900.0, -1.0, 0.0, 1.0, 30.0, 900.0])); softplus_grad(np.array([900.0, 1.0]))
    def sinc(x): return np.sin(x) / x
    def sinc_prime(x): return (x * np.cos(x) - np.sin(x)) / x ** 2
    sinc(np.array([0.0, 1e-9, 1e-3, 0.5, 3.0]))
""", softplus_grad=RIGHT, sinc_prime=(RIGHT, OPEN))
case("scores", """
    import numpy as np
    def cross_entropy(p, y): return -np.sum(y * np.log(p))
    def cross_entropy_grad(p, y): return p - y
    z = np.random.default_rng(0).normal(size=(6, 3)); p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    y = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    cross_entropy(p, y); cross_entropy_grad(p, y)
""", cross_entropy_grad=OPEN)

# ---------------------------------------------------------------- not a pair, or not decidable
case("difference", """
    def f(x): return x ** 2
    def df(x): return f(x + 1) - f(x)
    print(df(3))
""", df=OPEN)
case("step_argument", """
    def f(x): return x ** 2
    def df(x, h): return f(x + h) - f(x)
    f(2.0); df(2.0, 0.1)
""", df=OPEN)
case("frames", """
    class DataFrame(dict): pass
    def f(x): return x + 1
    def df(x): return DataFrame(x=[x])
    f(3); df(3)
    def words(text): return len(text.split())
    def dwords(text): return text.split()
    words("a b"); dwords("a b")
""", df=OPEN, dwords=OPEN)
case("unrelated_names", """
    import numpy as np
    def raw(n): return np.arange(n)
    def draw(n): return np.ones((n, 2))
    def mean(x): return sum(x) / len(x)
    def dmean(x, y): return mean(x) - mean(y)
    draw(5); raw(3); mean([1, 2, 3]); dmean([1, 2, 3], [4, 5])
    def loss(real): return float(np.mean(real))
    def d_loss(real, fake): return float(np.mean(np.log(real)) + np.mean(np.log(1 - fake)))
    loss(np.array([0.2, 0.4])); d_loss(np.array([0.2, 0.4]), np.array([0.5, 0.1]))
""", draw=(OPEN, None), dmean=OPEN, d_loss=OPEN)
case("moving_things", """
    import numpy as np
    class Car:
        def __init__(self): self.position = 0.0
        def forward(self, distance): self.position += distance; return self.position
        def backward(self, distance): self.position -= distance; return self.position
    class Scaler:
        def __init__(self): self.s = 4.0
        def forward(self, x): return x * self.s
        def backward(self, y): return y / self.s
    class Hmm:
        A = np.array([[0.7, 0.3], [0.4, 0.6]]); B = np.array([[0.9, 0.1], [0.2, 0.8]])
        def forward(self, obs):
            a = np.zeros((len(obs), 2)); a[0] = 0.5 * self.B[:, obs[0]]
            for t in range(1, len(obs)): a[t] = a[t - 1] @ self.A * self.B[:, obs[t]]
            return a
        def backward(self, obs):
            b = np.ones((len(obs), 2))
            for t in range(len(obs) - 2, -1, -1): b[t] = self.A @ (self.B[:, obs[t + 1]] * b[t + 1])
            return b
    c = Car(); c.forward(2.0); c.backward(1.0)
    s = Scaler(); s.backward(s.forward(np.arange(3.0)))
    h = Hmm(); h.forward([0, 1, 1, 0]); h.backward([0, 1, 1, 0])
""", **{"Car.backward": OPEN, "Scaler.backward": OPEN, "Hmm.backward": OPEN})
case("random_dropout", """
    import numpy as np
    rng = np.random.default_rng()
    def noisy(x): return x ** 2 + rng.normal(size=np.shape(x))
    def noisy_grad(x): return 2 * x
    noisy(np.ones(3))
""", noisy_grad=OPEN)
case("text_and_gradient_colours", """
    import numpy as np
    class Image:
        def value(self, x): return x * 255
        def gradient(self, a, b, n): return np.linspace(a, b, n)
    i = Image(); i.value(0.5); i.gradient(0.0, 1.0, 5)
    class Optimizer:
        def apply(self, w): return w
        def gradient(self, loss, w): return w * 0
    o = Optimizer(); o.apply(np.ones(3)); o.gradient(1.0, np.ones(3))
""", **{"Image.gradient": OPEN, "Optimizer.gradient": (OPEN,)})

case("dropout_layer", """
    import numpy as np
    class Dropout:
        def __init__(self, p=0.2): self.p = p
        def forward(self, x):
            self.mask = np.random.uniform(size=x.shape) > self.p
            return x * self.mask
        def backward(self, grad): return grad * self.mask
""", **{"Dropout.backward": RIGHT})
case("guessed_shapes", """
    import numpy as np
    class SoftmaxWithLoss:
        def __init__(self): self.loss = self.y = self.t = None
        def forward(self, x, t):
            self.t = t
            e = np.exp(x - x.max(axis=-1, keepdims=True)); self.y = e / e.sum(axis=-1, keepdims=True)
            return -np.sum(t * np.log(self.y)) / (1 if x.ndim == 1 else len(x))
        def backward(self, dout=1): return (self.y - self.t) / self.t.shape[0]
    class Shared:
        def __init__(self):
            self.params = {"W": np.array([[1.0, 2.0], [0.5, -1.0]])}
            self.W = self.params["W"]
        def loss(self, x): return np.sum((x @ self.W) ** 2)
        def gradient(self, x): return {"W": 2 * x.T @ (x @ self.W)}
    s = Shared(); s.loss(np.ones((3, 2))); s.gradient(np.ones((3, 2)))
""", **{"SoftmaxWithLoss.backward": (RIGHT, OPEN), "Shared.gradient": RIGHT})

# ---------------------------------------------------------------- wrong
case("w_factor", """
    import numpy as np
    def sigmoid(x): return 1 / (1 + np.exp(-x))
    def dsigmoid(x): return 2 * sigmoid(x) * (1 - sigmoid(x))
    def tanh(x): return np.tanh(x)
    def tanh_prime(x): return 1 - np.tanh(x)
    dsigmoid(np.linspace(-3, 3, 7))
""", dsigmoid=WRONG, tanh_prime=WRONG)
case("w_one_over_n", """
    import numpy as np
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3)); y = rng.normal(size=40)
    def loss(w): return np.mean((X @ w - y) ** 2)
    def loss_grad(w): return 2 * X.T @ (X @ w - y)
    def cost(w): return np.sum((X @ w - y) ** 2) / 2
    def cost_grad(w): return -X.T @ (X @ w - y)
    for _ in range(3): loss(rng.normal(size=3)); cost_grad(rng.normal(size=3))
""", loss_grad=WRONG, cost_grad=WRONG)
case("w_chain_rule", """
    import math
    def f(x): return math.sin(x ** 2)
    def f_prime(x): return math.cos(x ** 2)
    def g(x): return x ** 4
    def g_deriv(x): return 4 * x ** 4
    def h(x): return math.exp(-2 * x)
    def h_der(x): return math.exp(-2 * x)
    def k(x): return math.cos(x)
    def k_prime(x): return math.sin(x)
    print(f(1.0), g(2.0))
""", f_prime=WRONG, g_deriv=WRONG, h_der=WRONG, k_prime=WRONG)
case("w_classes", """
    import numpy as np
    class LeakyReLU:
        def __init__(self, alpha=0.2): self.alpha = alpha
        def __call__(self, x): return np.where(x >= 0, x, self.alpha * x)
        def gradient(self, x): return np.where(x >= 0, 1, 0)
    class SoftPlus:
        def fn(self, x): return np.log1p(np.exp(x))
        def grad(self, x): return 1 / (1 + np.exp(x))
        def grad2(self, x): return np.exp(-x) / (1 + np.exp(-x))
    class SquareLoss:
        def loss(self, y, p): return 0.5 * (y - p) ** 2
        def gradient(self, y, p): return (y - p) * 3
""", **{"LeakyReLU.gradient": WRONG, "SoftPlus.grad": WRONG, "SoftPlus.grad2": WRONG, "SquareLoss.gradient": WRONG})
case("w_layers", """
    import numpy as np
    rng = np.random.default_rng(0)
    class Linear:
        def __init__(self): self.W = rng.normal(size=(3, 3)); self.b = np.zeros(3)
        def forward(self, x): self.x = x; return x @ self.W + self.b
        def backward(self, grad): self.dW = self.x.T @ grad; self.db = grad.sum(0); return grad @ self.W
    class Square:
        def forward(self, x): self.x = x; return x ** 2
        def backward(self, dout): return dout * self.x
    class Bad:
        def __init__(self): self.W = rng.normal(size=(3, 2))
        def forward(self, x): self.x = x; return np.tanh(x @ self.W)
        def backward(self, dout): self.dW = self.x.T @ dout; return dout @ self.W.T
    x = rng.normal(size=(5, 3))
    for l in (Linear(), Square(), Bad()):
        out = l.forward(x); l.backward(np.ones_like(out))
""", **{"Linear.backward": WRONG, "Square.backward": WRONG, "Bad.backward": WRONG})
case("w_second", """
    import numpy as np
    def f(x): return np.sin(x)
    def df(x): return np.cos(x)
    def d2f(x): return np.sin(x)
    def q(x): return x[0] ** 2 * x[1] + x[1] ** 3
    def q_grad(x): return np.array([2 * x[0] * x[1], x[0] ** 2 + 3 * x[1] ** 2])
    def q_hess(x): return np.array([[2 * x[1], 2 * x[0]], [0, 6 * x[1]]])
    q(np.array([1.0, 2.0])); f(0.5)
""", df=RIGHT, d2f=WRONG, q_grad=RIGHT, q_hess=WRONG)
case("w_tuple", """
    import numpy as np
    x = np.linspace(0, 1, 30); t = 2 * x + 1
    def mse(w, b): return np.mean((w * x + b - t) ** 2)
    def mse_grad(w, b):
        r = w * x + b - t
        return 2 * np.mean(r * x), 2 * np.sum(r)
    w = b = 0.0
    for _ in range(50):
        dw, db = mse_grad(w, b); w -= 0.01 * dw; b -= 0.01 * db
    mse(w, b)
""", mse_grad=WRONG)
case("w_fed_input", """
    import numpy as np
    def sigmoid(x): return 1 / (1 + np.exp(-x))
    def sigmoid_derivative(x): return x * (1 - x)
    rng = np.random.default_rng(0)
    for _ in range(5):
        z = rng.normal(size=(4, 3)); a = sigmoid(z); d = a * sigmoid_derivative(z)
""", sigmoid_derivative=WRONG)
case("w_jacobian", """
    import numpy as np
    def polar(v): return np.array([v[0] * np.cos(v[1]), v[0] * np.sin(v[1])])
    def polar_jac(v): return np.array([[np.cos(v[1]), v[0] * np.sin(v[1])], [np.sin(v[1]), v[0] * np.cos(v[1])]])
    polar(np.array([2.0, 0.3])); polar_jac(np.array([2.0, 0.3]))
    def bce(y, p): return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    def bce_prime(y, p): return (1 - y) / (1 - p) - y / p
    y = np.array([0, 1.0, 1, 0]); p = np.array([0.2, 0.7, 0.6, 0.4]); bce(y, p); bce_prime(y, p)
""", polar_jac=WRONG, bce_prime=WRONG)
